-- wrk script: GQL_DOCUMENTS distinct documents in turn, from the one behind GQL_AFTER on, for the
-- athletes of GQL_IDS, with GQL_TOKEN.
local hdr = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("GQL_TOKEN") }
local ids = {}
for l in io.lines(os.getenv("GQL_IDS")) do ids[#ids + 1] = l end
local reqs, i, n = {}, tonumber(os.getenv("GQL_AFTER")), tonumber(os.getenv("GQL_DOCUMENTS"))
function init(args)
  for k = 1, n do
    local q = "query D" .. k .. "($id: ID!) { athlete(id: $id) { id firstName a" .. k .. ": activities(first: 5) { nodes { id name startedAt } } } }"
    reqs[k] = wrk.format("POST", nil, hdr, '{"query":"' .. q .. '","variables":{"id":"' .. ids[1 + k % #ids] .. '"}}')
  end
end
function request()
  i = i % n + 1
  return reqs[i]
end
