-- Refuses commits of what was written for an earlier revision. KEYS: fence. ARGV: revision.
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
