--[[
Aimlock, the flight controller's side: ArduPilot Copter 4.5 or later.

One input, three outputs (README.md has the wiring):
  PAUSE_REQ     in   low = please hold. The input's pull-up makes a broken
                     wire, a dead companion and a missing one "no request".
  DISARMED      out  high = disarmed; low is the answer of a broken wire, too
  HOLDING       out  high = in BRAKE and slower than 0.5 m/s over ground
  FC_HEARTBEAT  out  changes level every quarter of a second while all is well

The rules:
  - requested in AUTO or GUIDED: BRAKE. In every other mode a request is
    ignored: pilot and failsafes win.
  - released: back to the former mode, but only out of a BRAKE that this script
    entered and that nobody has set again since.
  - held in the air for AIML_RTL_S: RTL. Every hold is bounded.
  - requested while disarmed: arming is refused.
  - an error of this script: the heartbeat stops for longer than the companion
    waits for it, HOLDING and DISARMED go low, arming is refused.

It never disarms, never stops a motor, never overrides a stick.
--]]

local AUTO, GUIDED, RTL, BRAKE = 3, 4, 6, 17 -- ArduCopter/mode.h
local REASON_SCRIPTING = 32                  -- AP_Vehicle/ModeReason.h
local COPTER, HELI = 2, 13                   -- AP_Vehicle_Type.h
local CRITICAL, WARNING, INFO = 2, 4, 6      -- MAV_SEVERITY

local LOOP_MS = 20      -- between passes
local DEBOUNCE_MS = 50  -- a level of PAUSE_REQ must stand this long to count
local BEAT_MS = 250     -- between changes of FC_HEARTBEAT
local GUST_MS = 1000    -- HOLDING outlasts a gust that is shorter
local RETRY_MS = 1000   -- between attempts at a mode that was refused
local DEAD_MS = 2000    -- silence after an error; the companion waits 1500
local HOLD_SPEED = 0.5  -- m/s over ground

-- Taken first: if anything below fails, ArduPilot waits for this answer for
-- ever and refuses to arm. There are three; every script needs its own.
local auth = assert(arming:get_aux_auth_id(), "AIML: no auxiliary authorisation is left")

local build = FWVersion:type()
assert(build == COPTER or build == HELI, "AIML: this script is for Copter only")

-- The key is stored with the parameters: it must stay, and no other script on
-- this card may have it.
local TABLE_KEY, PREFIX = 187, "AIML_"
local PARAMS = {
  { "RTL_S", 180 },     -- s in a hold on request before RTL, 10 to 3600
  { "REQ_PIN", 50 },    -- GPIO of PAUSE_REQ; all pins: change needs a reboot
  { "DISARM_PIN", 51 }, -- GPIO of DISARMED
  { "HOLD_PIN", 52 },   -- GPIO of HOLDING
  { "BEAT_PIN", 53 },   -- GPIO of FC_HEARTBEAT
}
assert(param:add_table(TABLE_KEY, PREFIX, #PARAMS), "AIML: parameter table 187 is taken")
local value = {}
for i, p in ipairs(PARAMS) do
  assert(param:add_param(TABLE_KEY, i, p[1], p[2]), "AIML: cannot add AIML_" .. p[1])
  local handle = Parameter()
  assert(handle:init(PREFIX .. p[1]), "AIML: cannot find AIML_" .. p[1])
  value[p[1]] = handle
end

local function pin_of(name)
  return math.floor(value[name]:get() + 0.5)
end

local REQ, DISARM, HOLD, BEAT = pin_of("REQ_PIN"), pin_of("DISARM_PIN"), pin_of("HOLD_PIN"), pin_of("BEAT_PIN")
for _, pin in ipairs({ DISARM, HOLD, BEAT }) do
  gpio:pinMode(pin, 1)
  gpio:write(pin, 0)
end
gpio:pinMode(REQ, 0)
gpio:write(REQ, 1) -- on an input this sets the pull-up: without it the pin floats

local low = false          -- the request line, at the last pass
local low_since = millis()
local requested            -- the request after debouncing; nil: not known yet
local seen_high = false    -- the line was high once, so it is a GPIO
local hold                 -- the BRAKE by request: {former, since, reason}
local tried = {}           -- mode → when it was last refused
local slow_at              -- when the drone was last seen slow in BRAKE
local beat, beat_at = 0, millis()

-- Milliseconds between two times of the last 24 days; millis() wraps.
local function ms(now, since)
  return (now - since):toint()
end

local function say(severity, text)
  gcs:send_text(severity, "AIML: " .. text)
end

local function look(now)
  local is_low = not gpio:read(REQ)
  seen_high = seen_high or not is_low
  if is_low ~= low then
    low, low_since = is_low, now
  end
  if low ~= requested and ms(now, low_since) >= DEBOUNCE_MS then
    requested = low
  end
end

-- Changes the mode, and after a refusal not again for a second: each refusal
-- is a message on the pilot's screen.
local function go(mode, now)
  if tried[mode] and ms(now, tried[mode]) < RETRY_MS then
    return false
  end
  tried[mode] = nil
  if vehicle:set_mode(mode) then
    return true
  end
  tried[mode] = now
  return false
end

-- A time-out outside 10 s … 1 h is a mistyped one; none at all is not offered.
local function rtl_ms()
  local s = value.RTL_S:get()
  if not s or s ~= s then
    s = 180
  end
  return math.floor(math.max(10, math.min(3600, s)) * 1000)
end

local function own_brake()
  return vehicle:get_mode() == BRAKE and vehicle:get_control_mode_reason() == hold.reason
end

-- A hold that lasts too long goes home, in the air. On the ground it endangers
-- nobody.
local function bound(now)
  if hold and own_brake() and vehicle:get_likely_flying() and ms(now, hold.since) >= rtl_ms() and go(RTL, now) then
    hold = nil
    say(WARNING, "held too long, returning to launch")
  end
end

local function enter(now, mode)
  if go(BRAKE, now) then
    hold = { former = mode, since = now, reason = vehicle:get_control_mode_reason() }
    say(WARNING, "holding on the companion's request")
  end
end

local function decide(now, armed)
  if hold and not own_brake() then
    hold = nil
    say(INFO, "hold ended by pilot or failsafe")
  end
  if hold then
    if requested == false and go(hold.former, now) then
      hold = nil
      say(INFO, "request over, going on")
    end
    bound(now)
    return
  end
  local mode = vehicle:get_mode()
  if armed and requested and (mode == AUTO or mode == GUIDED) then
    enter(now, mode)
  end
end

-- Refuses on the bare level, too: 50 ms are long enough to arm. A pin that is
-- no GPIO reads low for ever.
local function authorise()
  if requested == false and not low then
    arming:set_aux_auth_passed(auth)
  elseif seen_high then
    arming:set_aux_auth_failed(auth, "AIML: the companion requests a pause")
  else
    arming:set_aux_auth_failed(auth, "AIML: pause request, or pin no GPIO")
  end
end

-- The companion takes a drop of HOLDING for the pilot's take-over and lets go
-- of its request: so a gust, or a moment without a velocity, must not drop it.
local function holding(now, armed)
  if not armed or vehicle:get_mode() ~= BRAKE then
    slow_at = nil
    return false
  end
  local v = ahrs:get_velocity_NED()
  if v and v:x() * v:x() + v:y() * v:y() < HOLD_SPEED * HOLD_SPEED then
    slow_at = now
  elseif slow_at and ms(now, slow_at) >= GUST_MS then
    slow_at = nil
  end
  return slow_at ~= nil
end

local function pass()
  local now = millis()
  look(now)
  local armed = arming:is_armed()
  decide(now, armed)
  authorise()
  gpio:write(DISARM, armed and 0 or 1)
  gpio:write(HOLD, holding(now, armed) and 1 or 0)
  if ms(now, beat_at) >= BEAT_MS then -- last: only a whole pass beats
    beat, beat_at = 1 - beat, now
    gpio:write(BEAT, beat)
  end
end

-- Each deed on its own: what broke the pass may break one of them.
local function fail(err)
  local deeds = {
    function() gpio:write(HOLD, 0) end,
    function() gpio:write(DISARM, 0) end,
    function() arming:set_aux_auth_failed(auth, "AIML: script error, see messages") end,
    function() say(CRITICAL, "error: " .. string.sub(tostring(err), -37)) end,
    function() bound(millis()) end,
  }
  for _, deed in ipairs(deeds) do
    pcall(deed)
  end
  slow_at = nil
end

local function update()
  local ok, err = pcall(pass)
  if not ok then
    fail(err)
    return update, DEAD_MS
  end
  return update, LOOP_MS
end

-- Scripts were restarted in mid-hold: nobody knows the former mode, so the end
-- of this hold is RTL.
if arming:is_armed() and vehicle:get_mode() == BRAKE and vehicle:get_control_mode_reason() == REASON_SCRIPTING then
  hold = { former = RTL, since = millis(), reason = REASON_SCRIPTING }
  say(WARNING, "restarted in a hold; it will end in RTL")
else
  say(INFO, "ready")
end

return update()
