-- What makes the stand-in's calls as strict as ArduPilot's generated bindings.

-- uint32_t, as the bindings have it.
local U = {}
U.__index = U
local function u32(v) return setmetatable({ v = v & 0xffffffff }, U) end
local function raw(x)
  if getmetatable(x) == U then return x.v end
  return assert(math.tointeger(x), "uint32_t: not an integer")
end
U.__sub = function(a, b) return u32(raw(a) - raw(b)) end
U.__add = function(a, b) return u32(raw(a) + raw(b)) end
U.__lt = function(a, b) return raw(a) < raw(b) end
U.__le = function(a, b) return raw(a) <= raw(b) end
U.__eq = function(a, b) return raw(a) == raw(b) end
function U:toint() return self.v < 0x80000000 and self.v or self.v - 0x100000000 end

local function integer(x, lo, hi, what)
  local n = math.tointeger(x)
  assert(n and n >= lo and n <= hi, what .. ": argument out of range")
  return n
end

local broken = {} -- calls that raise, "gpio:read"

-- object wraps methods: they must be called with a colon and exactly their
-- arguments, and raise while broken.
local function object(name, methods)
  local o = {}
  for method, d in pairs(methods) do
    local args, f = d[1], d[2]
    o[method] = function(self, ...)
      assert(self == o, name .. ":" .. method .. ": called without a colon")
      assert(select("#", ...) == args, name .. ":" .. method .. ": wrong number of arguments")
      assert(not broken[name .. ":" .. method], name .. ":" .. method .. " is broken")
      return f(...)
    end
  end
  return o
end

return { u32 = u32, integer = integer, object = object, broken = broken }
