# frozen_string_literal: true

# All messages and stubs at once. The modules follow the packages of the contract, so `switchyard.bots.v1` is
# `Switchyard::Bots::V1`; who wants a few services only requires "switchyard/bots/v1/run_service_services_pb" and so on.
Dir.glob("switchyard/**/*_services_pb.rb", base: __dir__).sort.each { |file| require file.delete_suffix(".rb") }
require "switchyard/errors/v1/error_reason_pb"
