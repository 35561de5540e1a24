// Device functions that the CUDA runtime provides: printf, assert, malloc and free.
#include <cstdio>
#include <cstring>
#include <mutex>

#include "sim/control.h"

namespace cudasim {

namespace {

uint8_t* local(Warp& w, uint32_t lane, uint32_t offset) {
  return w.local + size_t(lane) * w.local_stride + w.frame->local_base + offset;
}
uint64_t argument(Warp& w, uint32_t lane, const CallInfo& call, size_t i) {
  uint64_t v = 0;
  if (i < call.args.size()) std::memcpy(&v, local(w, lane, call.args[i].offset), std::min(8u, call.args[i].size));
  return v;
}

// Bytes behind a generic pointer; false when it points nowhere.
bool read_generic(Warp& w, uint32_t lane, uint64_t p, void* out, size_t bytes) {
  if ((p & kWindowMask) == kLocalWindow) {
    p &= ~kWindowMask;
    if (p + bytes > w.local_stride) return false;
    std::memcpy(out, w.local + size_t(lane) * w.local_stride + p, bytes);
    return true;
  }
  if ((p & kWindowMask) == kSharedWindow) {
    p &= ~kWindowMask;
    if (p + bytes > w.cta->launch->shared_bytes) return false;
    std::memcpy(out, w.cta->shared + p, bytes);
    return true;
  }
  if (!DeviceMemory::get().find(p, bytes)) return false;
  std::memcpy(out, DeviceMemory::get().host(p), bytes);
  return true;
}
std::string read_string(Warp& w, uint32_t lane, uint64_t p) {
  std::string s;
  for (char c; read_generic(w, lane, p + s.size(), &c, 1) && c;) s += c;
  return s;
}

std::string format(Warp& w, uint32_t lane, const std::string& f, uint64_t args) {
  std::string out;
  uint64_t at = 0;
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] != '%') {
      out += f[i];
      continue;
    }
    if (i + 1 < f.size() && f[i + 1] == '%') {
      out += '%';
      ++i;
      continue;
    }
    std::string spec = "%";
    bool wide = false;
    for (++i; i < f.size() && !std::strchr("diouxXcsfFeEgGaAp", f[i]); ++i) {
      if (f[i] == 'l' || f[i] == 'z' || f[i] == 'j' || f[i] == 't') {
        wide = true;
        continue;
      }
      if (f[i] == 'h') continue;
      if (f[i] == '*') {
        int32_t v = 0;
        at = (at + 3) & ~3ull;
        read_generic(w, lane, args + at, &v, 4);
        at += 4;
        spec += std::to_string(v);
        continue;
      }
      spec += f[i];
    }
    if (i >= f.size()) break;
    const char kind = f[i];
    char buffer[512];
    auto next = [&](size_t size) {
      uint64_t v = 0;
      at = (at + size - 1) & ~uint64_t(size - 1);
      read_generic(w, lane, args + at, &v, size);
      at += size;
      return v;
    };
    if (std::strchr("fFeEgGaA", kind)) {
      const uint64_t bits = next(8);
      double d;
      std::memcpy(&d, &bits, 8);
      std::snprintf(buffer, sizeof buffer, (spec + kind).c_str(), d);
      out += buffer;
    } else if (kind == 's') {
      out += read_string(w, lane, next(8));
    } else if (kind == 'p') {
      std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(next(8)));
      out += buffer;
    } else if (kind == 'c') {
      out += char(next(4));
    } else {
      const uint64_t v = wide ? next(8) : next(4);
      const long long sv = wide ? static_cast<long long>(v) : static_cast<long long>(int32_t(v));
      if (kind == 'd' || kind == 'i')
        std::snprintf(buffer, sizeof buffer, (spec + "ll" + kind).c_str(), sv);
      else
        std::snprintf(buffer, sizeof buffer, (spec + "ll" + kind).c_str(), static_cast<unsigned long long>(v));
      out += buffer;
    }
  }
  return out;
}

}  // namespace

bool call_builtin(Warp& w, const Instr& in, const CallInfo& call, const Function& fn) {
  auto result = [&](uint32_t lane, uint64_t v) {
    if (!call.rets.empty()) std::memcpy(local(w, lane, call.rets[0].offset), &v, std::min(8u, call.rets[0].size));
  };
  for (uint32_t k = w.exec; k; k &= k - 1) {
    const uint32_t lane = uint32_t(__builtin_ctz(k));
    switch (fn.builtin) {
      case Builtin::kVprintf: {
        const std::string s =
            format(w, lane, read_string(w, lane, argument(w, lane, call, 0)), argument(w, lane, call, 1));
        std::fwrite(s.data(), 1, s.size(), stdout);
        result(lane, s.size());
        break;
      }
      case Builtin::kAssertFail: {
        const std::string text = "assertion `" + read_string(w, lane, argument(w, lane, call, 0)) + "` failed at " +
                                 read_string(w, lane, argument(w, lane, call, 1)) + ":" +
                                 std::to_string(uint32_t(argument(w, lane, call, 2))) + " in " +
                                 read_string(w, lane, argument(w, lane, call, 3)) + ".";
        report_at(w, in, Check::kDeviceAssert, w.exec, 0, text, 710);
        w.cta->abort = true;
        stop_warp(w, Wait::kNone);
        return true;
      }
      case Builtin::kMalloc:
        result(lane,
               DeviceMemory::get().allocate(argument(w, lane, call, 0), AllocKind::kDevice, w.cta->launch->device));
        break;
      case Builtin::kFree:
        if (const uint64_t p = argument(w, lane, call, 0); p && !DeviceMemory::get().release(p))
          report_at(w, in, Check::kInvalidFree, 1u << lane, p, "free of a pointer that no live allocation starts at.",
                    700);
        break;
      default: return false;
    }
  }
  return true;
}

}  // namespace cudasim
