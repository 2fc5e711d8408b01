-- Notes intents to write. KEYS: generation, intents. ARGV: image ids. Returns the last of the generations given out, or nil.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = redis.call('INCRBY', KEYS[1], #ARGV)
for i, id in ipairs(ARGV) do
  redis.call('ZADD', KEYS[2], now, id .. '#' .. string.format('%.0f', last - #ARGV + i))
end
return last
