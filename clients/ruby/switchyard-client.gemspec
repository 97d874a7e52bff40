# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = "switchyard-client"
  gem.version = "0.1.0"
  gem.summary = "Calls a Switchyard server: messages and client stubs, by protobuf and grpc"
  gem.authors = ["Switchyard"]
  gem.files = Dir["lib/**/*.rb", "examples/*.rb", "README.md"]
  gem.require_paths = ["lib"]
  gem.required_ruby_version = ">= 3.0"

  gem.add_dependency "google-protobuf", ">= 3.21", "< 5"
  gem.add_dependency "googleapis-common-protos-types", ">= 1.4", "< 2"
  gem.add_dependency "grpc", ">= 1.51", "< 2"
end
