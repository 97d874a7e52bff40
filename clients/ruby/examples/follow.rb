# frozen_string_literal: true

# Creates a bot instance, starts it and prints its log until the run is over: `follow.rb HOST:PORT OWNER`.

require "switchyard_client"

include Switchyard::Bots::V1

API_KEY = ENV.fetch("SWITCHYARD_API_KEY", "")
METADATA = API_KEY.empty? ? {} : { "x-api-key" => API_KEY }

# Runs the bot and returns whether its run succeeded.
def follow(address, owner)
  bots = BotInstanceService::Stub.new(address, :this_channel_is_insecure)
  runs = RunService::Stub.new(address, :this_channel_is_insecure)

  creation = CreateBotInstanceRequest.new(owner_type: :OWNER_TYPE_USER, owner_id: owner, bot_code: "noop")
  bot = bots.create_bot_instance(creation, metadata: METADATA).bot_instance
  puts "created #{bot.bot_code}"

  run_id = runs.start_run(StartRunRequest.new(id: bot.id), metadata: METADATA).run_id
  puts "started"

  print_log(runs.watch_logs(WatchLogsRequest.new(id: bot.id, run_id: run_id), metadata: METADATA))
end

# Prints the lines as they come and returns whether the run succeeded.
def print_log(news)
  news.each do |message|
    message.lines.map(&:line).compact.each { |line| puts "#{word(line.level)} #{line.message}" }
    next unless message.end

    puts "ended #{message.end.text}"
    return message.end.status == :RUN_STATUS_SUCCESS
  end
  raise GRPC::DataLoss, "the log broke off before the run was over"
end

# The word of a level in JSON.
def word(level)
  level == :LEVEL_UNSPECIFIED ? "info" : level.to_s.delete_prefix("LEVEL_").downcase
end

abort_with = lambda do |code, sentence|
  warn sentence
  exit code
end

$stdout.sync = true
abort_with.call(2, "usage: follow.rb HOST:PORT OWNER") unless ARGV.length == 2
begin
  exit follow(*ARGV)
rescue GRPC::Unavailable
  abort_with.call(2, "cannot reach #{ARGV.first}")
rescue GRPC::BadStatus => e
  abort_with.call(1, "#{e.class.name.delete_prefix("GRPC::")}: #{e.details}")
end
