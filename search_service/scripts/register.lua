-- Makes a prepared collection visible. KEYS: collections, dropped. ARGV: name, uid, value, longest time since in ms.
-- Returns 1; 0 if the name is taken; -1 if it was prepared longer ago, for then it may have been cleared away.
local now = now_ms()
local prepared = tonumber(string.match(redis.call('HGET', KEYS[2], ARGV[2]) or '', '^(%d+)|') or '0')
if now - prepared >= tonumber(ARGV[4]) then
  return -1
end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[3]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
