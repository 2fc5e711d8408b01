-- Notes intents to write. KEYS: generation, intents. ARGV: image ids. Returns the last of the generations given out, or nil.
-- A generation is no lower than the time in microseconds: a replica that takes over without the last ones gives none twice.
local given = redis.call('GET', KEYS[1])
if not given then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first = math.max(tonumber(given) + 1, time[1] * 1000000 + time[2])
local last = string.format('%.0f', first + #ARGV - 1)
redis.call('SET', KEYS[1], last)
for i, id in ipairs(ARGV) do
  redis.call('ZADD', KEYS[2], now, id .. '#' .. string.format('%.0f', first + i - 1))
end
return last
