-- Replaces a collection's definition. KEYS: collections, retired. ARGV: name, uid, revision before, value, number of spaces
-- that are kept, those, then spaces that nothing names any more. Returns 1, or 0 if the definition is another one by now.
local current = redis.call('HGET', KEYS[1], ARGV[1])
local known = current and cjson.decode(current)
if not known or known.uid ~= ARGV[2] or known.revision ~= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
for i = 6, #ARGV do
  if i - 5 <= tonumber(ARGV[5]) then
    redis.call('ZREM', KEYS[2], ARGV[i])
  else
    redis.call('ZADD', KEYS[2], now_ms(), ARGV[i])
  end
end
return 1
