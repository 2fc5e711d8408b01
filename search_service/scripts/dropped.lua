-- Lists collections to clear away. KEYS: dropped. Returns `time in ms|value` for each, after the present time in ms.
local values = redis.call('HVALS', KEYS[1])
table.insert(values, 1, string.format('%.0f', now_ms()))
return values
