-- Lists a collection as one to clear away, hiding it if its name shows it. KEYS: collections, dropped. ARGV: name, uid, value.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if current and cjson.decode(current).uid == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], ARGV[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) .. '|' .. ARGV[3])
return 1
