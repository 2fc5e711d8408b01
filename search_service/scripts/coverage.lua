-- Counts images. KEYS: ids, coverage. Returns how many there are, then each space's tag and how many it holds.
return { redis.call('ZCARD', KEYS[1]), unpack(redis.call('HGETALL', KEYS[2])) }
