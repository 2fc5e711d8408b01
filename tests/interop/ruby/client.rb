# A client of Likeness that carries out the commands on its standard input, one JSON object a line, and prints what came
# of each: what tests/interop asks of every language.
require 'json'
require_relative 'calls'
require_relative 'errors'

def say(what)
  puts JSON.generate(what)
  $stdout.flush
end

# Makes the call, and makes it again for as long as the server asks for patience and the command has some.
def perform(command)
  calls = Calls.new(command)
  (1..).each do |attempt|
    return { ok: calls.public_send(command['call']), attempts: attempt }
  rescue GRPC::BadStatus => e
    failure = describe(status_of(e))
    return { error: failure, attempts: attempt } if !failure.key?(:retry_seconds) || attempt >= command.fetch('attempts', 1)

    say(refused: failure)
    sleep failure[:retry_seconds]
  end
end

$stdin.each_line { |line| say(perform(JSON.parse(line))) }
