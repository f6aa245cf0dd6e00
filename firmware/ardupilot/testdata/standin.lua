--[[
A stand-in for the few ArduPilot calls that aimlock.lua makes, under a plain
Lua 5.3. As strict as ArduPilot's generated bindings: a wrong argument is an
error, a call that does not exist is nil, time is a uint32_t that wraps, a pass
that takes too many steps ends the script.

  lua5.3 standin.lua SCRIPT

Commands on standard input, one a line; each answers with one line:
  do ACTION …   → ok | refused
  wait MS       → MODE disarmed holding beats steps running texts: the mode, the
                  levels of two lines, changes of the heartbeat during the wait,
                  most steps of a pass so far, 1 while the script is scheduled,
                  what it said during the wait
--]]
local script_path = assert(arg[1], "usage: standin.lua SCRIPT")
local strict = dofile((arg[0]:gsub("[^/]*$", "strict.lua")))
local u32, integer, object = strict.u32, strict.integer, strict.object

local MODES = { STABILIZE = 0, AUTO = 3, GUIDED = 4, LOITER = 5, RTL = 6, LAND = 9, BRAKE = 17 }
local REASONS = { RC = 1, GCS = 2, RADIO_FAILSAFE = 3, BATTERY_FAILSAFE = 4, EKF_FAILSAFE = 6, SCRIPTING = 32 }
local VM_STEPS = 10000 -- SCR_VM_I_COUNT; the stand-in's own steps count, too

-- The aircraft. v in m/s; t counts ms since the clock's start, up since boot.
local craft = { mode = MODES.AUTO, reason = REASONS.RC, armed = false, flying = false, v = 0, known = true, since = 0 }
local t, offset, ask, bouncing, stopped = 0, 0, false, false, false
local stored, refuse, refused_at, broken = {}, {}, {}, strict.broken -- parameters; modes; calls that raise
local pins, auth, tables, run, next_ms, texts, edges, most
local seed = 1

local function random() -- deterministic, 0 or 1
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return (seed >> 16) & 1
end

local function mode_name()
  for name, n in pairs(MODES) do
    if n == craft.mode then return name end
  end
end

local function enter(mode, reason)
  craft.mode, craft.reason, craft.since = mode, reason, t
end

local function is_low(pin) -- what the FET and the pull do to the request's pin
  if ask then return true end
  if pin.pull == nil then return random() == 1 end -- floating
  return pin.pull == 0
end

local function gpio_pin(n)
  return pins[integer(n, 0, 255, "gpio")] -- nil: not a GPIO
end

local function bindings()
  local env = { assert = assert, error = error, getmetatable = getmetatable, ipairs = ipairs, next = next, pairs = pairs,
    pcall = pcall, print = print, rawequal = rawequal, select = select, setmetatable = setmetatable, tonumber = tonumber,
    tostring = tostring, type = type, math = math, string = string, table = table }
  env.millis = function() return u32(t + offset) end
  env.gpio = object("gpio", {
    pinMode = { 2, function(n, out)
      local p = gpio_pin(n)
      if p then p.out = integer(out, 0, 1, "pinMode") == 1; p.level, p.pull = 0, nil end
    end },
    write = { 2, function(n, v)
      local p = gpio_pin(n)
      v = integer(v, 0, 1, "write")
      if not p then return end
      if not p.out then p.pull = v; return end
      if p.beat and p.level ~= v then edges = edges + 1 end
      p.level = v
    end },
    read = { 1, function(n)
      local p = gpio_pin(n)
      if not p then return false end
      if p.out then return p.level == 1 end
      return not is_low(p)
    end },
  })
  env.vehicle = object("vehicle", {
    get_mode = { 0, function() return craft.mode end },
    get_control_mode_reason = { 0, function() return craft.reason end },
    get_likely_flying = { 0, function() return craft.flying end },
    set_mode = { 1, function(m)
      m = integer(m, 0, 255, "set_mode")
      if craft.armed and refuse[m] then -- each refusal is a message on the pilot's screen
        assert(not refused_at[m] or t - refused_at[m] >= 900, "set_mode: floods the pilot")
        refused_at[m] = t
        return false
      end
      enter(m, REASONS.SCRIPTING)
      return true
    end },
  })
  env.arming = object("arming", {
    is_armed = { 0, function() return craft.armed end },
    get_aux_auth_id = { 0, function() auth.id, auth.state = not auth.full and 0 or nil, "none"; return auth.id end },
    set_aux_auth_passed = { 1, function(id) if id == auth.id then auth.state = "passed" end end },
    set_aux_auth_failed = { 2, function(id, text)
      assert(#text <= 41, "set_aux_auth_failed: ArduPilot cuts after 41 characters: " .. text)
      if id == auth.id then auth.state, auth.text = "failed", text end
    end },
  })
  env.ahrs = object("ahrs", { get_velocity_NED = { 0, function()
    if not craft.known then return nil end
    local v = { x = craft.v * 0.6, y = craft.v * 0.8, z = 0 }
    return object("Vector3f", { x = { 0, function() return v.x end }, y = { 0, function() return v.y end } })
  end } })
  env.gcs = object("gcs", { send_text = { 2, function(severity, text)
    integer(severity, 0, 7, "send_text")
    assert(#text <= 50, "send_text: longer than one message: " .. text)
    texts[#texts + 1] = text
  end } })
  env.param = object("param", {
    add_table = { 3, function(key, prefix, n)
      integer(key, 0, 200, "add_table"); integer(n, 1, 63, "add_table")
      if tables[key] then return false end
      tables[key] = { prefix = prefix, n = n }
      return true
    end },
    add_param = { 4, function(key, i, name, default)
      local tab = tables[key]
      assert(#(tab.prefix .. name) <= 16, "add_param: name too long: " .. name)
      if not tab or integer(i, 1, 63, "add_param") > tab.n then return false end
      stored[tab.prefix .. name] = stored[tab.prefix .. name] or default
      tab[tab.prefix .. name] = true
      return true
    end },
  })
  env.Parameter = function()
    local name
    return object("Parameter", {
      init = { 1, function(n)
        for _, tab in pairs(tables) do
          if tab[n] then name = n end
        end
        return name ~= nil
      end },
      get = { 0, function() return stored[name] + 0.0 end },
    })
  end
  env.FWVersion = object("FWVersion", { type = { 0, function() return craft.build or 2 end } })
  return env
end

-- call runs f with ArduPilot's limit of steps; it returns what to run next.
local function call(f)
  local steps = 0
  local function over() -- from here on each step is an error, as in ArduPilot
    debug.sethook(over, "", 1)
    error("exceeded time limit")
  end
  debug.sethook(function()
    steps = steps + 100
    if steps > VM_STEPS then over() end
  end, "", 100)
  local r = table.pack(xpcall(f, function(e) debug.sethook(); return e end))
  debug.sethook()
  most = math.max(most, steps)
  if not r[1] then
    texts[#texts + 1] = "Lua: " .. tostring(r[2])
    run = nil
  elseif r.n == 3 and type(r[2]) == "function" and type(r[3]) == "number" then
    run, next_ms = r[2], t + r[3]
  else
    texts[#texts + 1] = "Lua: bad result"
    run = nil
  end
end

local function start_scripts()
  tables, run = {}, nil
  local f, err = loadfile(script_path, "t", bindings())
  if not f then error(err) end
  call(f)
end

local function boot()
  pins, auth = {}, { full = auth and auth.full }
  for n = 50, 55 do pins[n] = { out = false, level = 0 } end
  local beat = pins[math.floor(stored.AIML_BEAT_PIN or 53)]
  if beat then beat.beat = true end
  start_scripts()
end

local function move(ms) -- flies on
  if not craft.flying then craft.v = 0; return end
  local up = t - craft.since
  if craft.mode == MODES.AUTO or craft.mode == MODES.GUIDED or craft.mode == MODES.RTL then
    if up > 2500 or not craft.climbing then craft.v = math.min(8, craft.v + 0.004 * ms) end
  else
    craft.v = math.max(0, craft.v - 8 / 1500 * ms)
  end
  if craft.gust then craft.v = craft.gust end
  if craft.mode == MODES.LAND and up >= 4000 or craft.mode == MODES.RTL and up >= 15000 then
    craft.flying, craft.armed, craft.v = false, false, 0
  end
end

local actions = {}
function actions.arm() -- the operator selects AUTO first, if RTL or LAND is left over
  if craft.armed then return true end
  if craft.mode == MODES.RTL or craft.mode == MODES.LAND then enter(MODES.AUTO, REASONS.RC) end
  if auth.state ~= "passed" or craft.mode == MODES.BRAKE then return false end
  craft.armed = true
  return true
end
function actions.disarm()
  if craft.flying then return false end
  craft.armed = false
  return true
end
function actions.takeoff()
  if not craft.armed or craft.flying or craft.mode ~= MODES.AUTO then return false end
  craft.flying, craft.climbing = true, true
  enter(MODES.AUTO, REASONS.RC)
  return true
end
local function fly(mode) -- the pilot's switch
  if not craft.flying then return false end
  craft.climbing = false
  enter(mode, REASONS.RC)
  return true
end
function actions.land() return fly(MODES.LAND) end
function actions.pilot() return fly(MODES.LOITER) end
function actions.back() return craft.mode == MODES.LOITER and fly(MODES.AUTO) end
function actions.mode(name, reason) enter(assert(MODES[name]), assert(REASONS[reason])); craft.climbing = false; return true end
function actions.request(how) ask, bouncing = how == "on", how == "bouncing"; return true end
function actions.stop() stopped = true; return true end
function actions.go() stopped = false; next_ms = t; return true end
function actions.refuse(name) refuse[assert(MODES[name])] = true; return true end
function actions.allow(name) refuse[assert(MODES[name])] = nil; return true end
actions["break"] = function(name) broken[name] = true; return true end
function actions.mend(name) broken[name] = nil; return true end
function actions.velocity(how)
  craft.known, craft.gust = how ~= "unknown", how == "nan" and 0 / 0 or tonumber(how)
  return true
end
function actions.set(name, v) stored[name] = tonumber(v); return true end
function actions.clock(v) offset = math.tointeger(tonumber(v)) - t; return true end
function actions.reboot() boot(); return true end
function actions.restart() start_scripts(); return true end
function actions.build(n) craft.build = tonumber(n); return true end
function actions.full() auth.full = true; return true end
function actions.overrun() VM_STEPS = 50; return true end -- a pass takes longer than ArduPilot lets it

local function wait(ms)
  edges = 0
  local step = ms >= 600000 and 5 or 1 -- a long wait in larger steps
  for _ = 1, ms, step do
    t = t + step
    if bouncing and t % 7 == 0 then ask = random() == 1 end
    move(step)
    if run and not stopped and t >= next_ms then call(run) end
  end
  local d, h = pins[math.floor(stored.AIML_DISARM_PIN or 51)], pins[math.floor(stored.AIML_HOLD_PIN or 52)]
  local said = table.concat(texts, "; ")
  texts = {}
  return string.format("%s %d %d %d %d %d %s", craft.armed and mode_name() or "DISARMED", d and d.level or 0, h and h.level or 0,
    edges, most, run and 1 or 0, said)
end

texts, edges, most = {}, 0, 0
boot()
io.stdout:setvbuf("line")
for line in io.lines() do
  local words = {}
  for w in line:gmatch("%S+") do words[#words + 1] = w end
  if words[1] == "wait" then
    print(wait(math.tointeger(tonumber(words[2]))))
  else
    print(assert(actions[words[2]], line)(table.unpack(words, 3)) and "ok" or "refused")
  end
end
