-- Finds, for each content, one image that has it. KEYS: contents, records. ARGV: hashes in lower-case hex.
-- `contents` holds `hash#image id`. Returns for each hash the id and its record, or nil.
local holders = {}
for i, sha256 in ipairs(ARGV) do
  local member = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. sha256 .. '#', '(' .. sha256 .. '$', 'LIMIT', 0, 1)[1]
  local id = member and string.sub(member, #sha256 + 2)
  local record = id and redis.call('HGET', KEYS[2], id)
  holders[i] = record and { id, record } or false
end
return holders
