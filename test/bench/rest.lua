-- REST requests for wrk, with one thread. Environment:
--
--   BENCH_MODE      create, confirm, both (confirm what was created), product (GET), or path (GET BENCH_PATH)
--   BENCH_TOKEN     access token
--   BENCH_PRODUCTS  how many products there are: 1 to that
--   BENCH_HOT       1: product 1 in each order
--   BENCH_FIRST     id of the first PENDING order to confirm; the others follow
--
-- The last line on stdout is a JSON object of what happened.

local mode = os.getenv("BENCH_MODE")
local products = tonumber(os.getenv("BENCH_PRODUCTS") or 0)
local hot = os.getenv("BENCH_HOT") == "1"
local headers = { ["Authorization"] = "Bearer " .. (os.getenv("BENCH_TOKEN") or ""), ["Content-Type"] = "application/json" }
local threads = {}
local prepared = {}

-- globals of the thread that done() reads
next_id = tonumber(os.getenv("BENCH_FIRST") or 0)
confirmed = 0

local function random_product(nth)
  local third = math.floor(products / 3)
  if hot and nth == 1 then return 1 end
  return (nth - 1) * third + math.random(third)
end

local function create_request()
  local items = {}
  for nth = 1, 3 do
    items[nth] = string.format('{"product_id": %d, "quantity": %d}', random_product(nth), nth)
  end
  local body = '{"customer_name": "Customer", "items": [' .. table.concat(items, ", ") .. ']}'
  return wrk.format("POST", "/api/v1/orders/", headers, body)
end

local function confirm_request(id)
  return wrk.format("PATCH", "/api/v1/orders/" .. id .. "/status/", headers, '{"status": "CONFIRMED"}')
end

-- Requests are made beforehand where they can be, so that wrk takes little of the processor.
local function prepare(count, make)
  for i = 1, count do prepared[i] = make(i) end
end

local function any_prepared()
  return prepared[math.random(#prepared)]
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  math.randomseed(os.time() + next_id)
  if mode == "create" or mode == "both" then
    prepare(8192, create_request)
  elseif mode == "product" then
    prepare(products, function(id) return wrk.format("GET", "/api/v1/products/" .. id .. "/", headers) end)
  elseif mode == "path" then
    prepared[1] = wrk.format("GET", os.getenv("BENCH_PATH"), headers)
  end
end

if mode == "confirm" then
  function request()
    -- beyond the last the answer is 404, which fails the run
    next_id = next_id + 1
    return confirm_request(next_id - 1)
  end
elseif mode == "both" then
  local created, taken, made = {}, 0, 0

  function request()
    if taken < made then
      local id
      taken = taken + 1
      id, created[taken] = created[taken], nil
      return confirm_request(id)
    end
    return any_prepared()
  end

  function response(status, _, body)
    if status == 201 then
      made = made + 1
      created[made] = body:match('"id": ?(%d+)')
    elseif status == 200 then
      confirmed = confirmed + 1
    end
  end
elseif mode == "path" then
  function request() return prepared[1] end
else
  request = any_prepared
end

function done(summary, latency)
  local errors = summary.errors
  local pairs_done = 0
  for _, thread in ipairs(threads) do pairs_done = pairs_done + thread:get("confirmed") end
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "pairs": %d, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, pairs_done, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
