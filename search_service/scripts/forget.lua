-- Takes members off a list of what is to be removed. KEYS: the list. ARGV: members.
return redis.call('ZREM', KEYS[1], unpack(ARGV))
