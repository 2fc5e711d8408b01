-- Lists a collection as one to clear away, hiding it if its name shows it. KEYS: collections, dropped. ARGV: name, uid, value.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if current and cjson.decode(current).uid == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
redis.call('HSET', KEYS[2], ARGV[2], string.format('%.0f', now_ms()) .. '|' .. ARGV[3])
return 1
