// The state that instructions work on: a launch, its blocks (Cta), their warps, and the divergence bookkeeping.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ptx/module.h"
#include "sim/counters.h"
#include "sim/memory.h"
#include "sim/report.h"
#include "sim/tensor_map.h"

namespace cudasim {

struct Cta;
struct Poison;
struct Warp;

struct Launch {
  Function* kernel = nullptr;
  Module* module = nullptr;
  uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  uint32_t dynamic_shared = 0, shared_bytes = 0, dynamic_offset = 0;
  uint32_t threads = 0, warps = 0;
  uint64_t id = 0;
  int device = 0;
  uint32_t registers = 0;  // of a thread, when the block starts
  std::vector<uint8_t> params;
  bool cooperative = false;
  uint64_t grid_workspace = 0;       // two words that cooperative_groups' grid barrier uses; 0 unless cooperative
  int occupancy_blocks = 0;          // blocks of this launch that one multiprocessor holds, for the report
  std::atomic<bool> expired{false};  // set by a watchdog: the launch must stop
  std::atomic<int> error{0};         // a cudaError_t of the first fatal finding; the workers stop when they see it
};

// ---- Shared-memory shadow. A tag is time << 11 | strong << 10 | warp << 5 | lane; 0: never.
// "strong" marks atomics and volatile or ordered accesses, which may meet each other.
constexpr uint32_t kTagTimeShift = 11;
constexpr uint32_t kTagStrong = 1u << 10;
constexpr uint32_t kTagWho = 0x3FF;
constexpr uint32_t kTagMaxTime = (1u << 21) - 2;
constexpr uint8_t kInitAll = 0x0F, kPending = 0x10;
constexpr uint8_t kByCopyEngine = 0x20;  // the last writer, or the pending one, is a bulk copy: the async proxy

struct SharedShadow {
  std::vector<uint32_t> write, read1, read2;   // per 4-byte word
  std::vector<uint8_t> state;                  // 4 init bits, kPending, kByCopyEngine
  std::vector<uint8_t> write_mask, read_mask;  // bytes of the last writer / reader
};

struct Frame {
  Function* fn = nullptr;
  uint8_t* regs = nullptr;
  std::vector<uint8_t> storage;
  uint32_t local_base = 0;
  Frame* parent = nullptr;
  uint32_t return_pc = 0;
  const CallInfo* call = nullptr;
  uint32_t depth = 0;
};

enum class Wait : uint8_t { kNone, kBarrier, kWarpSync, kYield };  // kYield: polls, so that others should run first

struct Group {  // lanes of one warp at one place
  uint32_t mask = 0, pc = 0;
  Frame* frame = nullptr;
  Wait wait = Wait::kNone;
  const Instr* wait_instr = nullptr;
  uint32_t barrier = 0;
  uint32_t sync_members = 0;
  uint64_t yielded = 0;  // when it polled in vain, as a serial number; 0: it did not
};

struct AsyncCopy {  // one warp instruction of cp.async
  uint32_t mask = 0;
  uint32_t size = 0;
  const Instr* instr = nullptr;
  uint32_t dst[32];
  uint64_t src[32];
  uint32_t bytes[32];  // to read from src; the rest is zero
  uint32_t group[32];
};

struct TensorCopy {  // a box that one thread has the copy engine move
  const Instr* instr = nullptr;
  Function* fn = nullptr;
  uint32_t warp = 0, lane = 0;
  TensorMap map;
  int32_t x = 0, y = 0;
  uint32_t shared = 0;  // where the box begins
  uint32_t issued = 0;  // time
  bool landed = false;  // to shared memory: written; to global memory: read
  // To shared memory.
  uint32_t barrier = 0;
  uint64_t phase = 0;  // of the barrier, when the copy was issued
  // To global memory.
  uint32_t group = 0;
  bool add = false;
  std::vector<uint8_t> bytes;  // what was read
};

struct Product {  // a warp's part of a wgmma that has not been waited for
  const Instr* instr = nullptr;
  Frame* frame = nullptr;
  uint64_t a = 0, b = 0;  // descriptors
  bool accumulate = false;
  uint32_t row = 0;  // of A, where the warp's begin
  uint32_t group = 0, issued = 0;
  void (*multiply)(Cta&, const Product&) = nullptr;
};

struct WarpgroupStep {  // what all four warps of a warpgroup must execute in the same order
  const Instr* instr = nullptr;
  Function* fn = nullptr;
  uint64_t a = 0, b = 0;
  bool accumulate = false;
};
struct WarpgroupLog {
  std::deque<WarpgroupStep> steps;
  uint64_t first = 0;  // the number of steps[0]
};

struct alignas(64) Warp {
  uint8_t* regs = nullptr;
  uint32_t active = 0, exec = 0;
  uint32_t pc = 0, limit = 0;
  uint32_t live = 0, initial = 0, index = 0;  // initial: the lanes that exist
  bool force_sync = false;                    // the next warp-level synchronisation goes on without its missing lanes
  const Instr* code = nullptr;
  Cta* cta = nullptr;
  Frame* frame = nullptr;
  Function* fn = nullptr;
  uint8_t* local = nullptr;
  uint32_t local_stride = 0;
  uint32_t last_sync = 0;  // time of the last warp-level synchronisation
  uint32_t carry = 0;      // the condition code register of the lanes
  uint64_t steps = 0, yields = 0;
  uint32_t vc[32] = {};       // vector clock: accesses of warp v up to vc[v] happened before us
  std::vector<Group> groups;  // all other groups of this warp
  Wait stop = Wait::kNone;
  uint32_t stop_barrier = 0, stop_members = 0;
  bool done = false;
  uint32_t group_now[32] = {};  // cp.async group being collected, per lane
  std::vector<AsyncCopy> copies;
  uint32_t bulk_group[32] = {};   // of stores by the copy engine, being collected, per lane
  uint32_t proxy_fence[32] = {};  // time of the lane's last fence.proxy.async
  uint32_t registers = 0;         // of a thread
  std::vector<Product> products;
  uint32_t product_group = 0;
  uint64_t warpgroup_steps = 0;
  bool wgmma_fenced = false;          // since registers of an accumulator were touched
  bool watching = false;              // for instructions that touch accumulators
  std::vector<uint8_t> accumulators;  // by slot / 64
  std::vector<std::unique_ptr<Frame>> frames, free_frames;
  std::vector<uint8_t> local_storage;
  Counters* counters = nullptr;
  std::unique_ptr<Poison> poison;  // see sim/poison.h; null as long as nothing unwritten was read
};

struct Barrier {
  uint32_t expected = 0;  // threads; 0: all of the block
  uint32_t arrived = 0;   // threads
  uint32_t warps = 0;     // participating warps
  uint32_t or_value = 0, and_value = 0xFFFFFFFF, popc = 0;
};

struct MBarrier {
  uint64_t phase = 0;
  uint32_t expected = 0, pending = 0;
  int64_t bytes = 0;  // announced and not yet copied
  uint32_t init_warp = 0, init_lane = 0;
  bool visible = false;                      // to the copy engine
  uint32_t arrived[32] = {}, done[32] = {};  // vector clocks: of the arrivals so far, and of completed phases
};

struct Cta {
  Launch* launch = nullptr;
  uint32_t id[3] = {0, 0, 0};
  uint8_t* shared = nullptr;
  std::vector<uint8_t> shared_storage;
  SharedShadow shadow;
  uint32_t now = 1, base = 0, fresh = 1u << kTagTimeShift;  // fresh: tags below it precede the last full barrier
  std::vector<std::unique_ptr<Warp>> warps;
  Barrier barriers[16];
  std::unordered_map<uint32_t, MBarrier> mbarriers;  // by shared offset
  uint64_t polls = 0;                                // turns of warps in a row that ended with a wait in vain
  const Instr* poll_instr = nullptr;
  uint32_t poll_object = 0;  // an mbarrier's offset
  std::vector<TensorCopy> loads, stores;
  std::vector<WarpgroupLog> warpgroups;
  uint64_t free_registers = 0;  // given back with setmaxnreg
  uint32_t exited_threads = 0;
  bool abort = false;
  bool check_memory = true, check_shared = true, check_sync = true, stats = false, late_copies = true;
  const AllocBounds* bounds = nullptr;
  uint64_t mem_base = 0;
  int64_t mem_shift = 0;
  Counters counters;
  uint64_t rng = 1;
  uint32_t live_warps = 0;
  std::unordered_set<uint64_t> sectors;  // of 32 bytes, touched by the blocks of this worker
};

// A report about the running instruction.
void report_at(Warp& w, const Instr& in, Check check, uint32_t lanes, uint64_t address, const std::string& text,
               int error = 0);

inline void set_base(Cta& c, uint32_t base) {
  c.base = base;
  c.fresh = (base + 1) << kTagTimeShift;
}
void renormalise_shadow(Cta& c);
// Lanes of the warp have synchronised: what they did is ordered before what they do next.
inline void warp_synced(Warp& w) {
  Cta& c = *w.cta;
  w.last_sync = c.now;
  if (++c.now > kTagMaxTime) renormalise_shadow(c);
}

// One row of shared memory touched by one lane; false when something was reported.
void shared_read_checked(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t bytes, bool strong);
void shared_write_checked(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t bytes, bool strong,
                          const void* value);

// Bounds, lifetime and alignment of the lanes in m; returns the lanes that may go on.
uint32_t global_access_slow(Warp& w, const Instr& in, const uint64_t* address, uint32_t m, uint32_t bytes,
                            const char* verb);
uint32_t shared_access_slow(Warp& w, const Instr& in, const uint64_t* offset, uint32_t m, uint32_t bytes,
                            const char* verb);
uint32_t local_access_slow(Warp& w, const Instr& in, const uint64_t* offset, uint32_t m, uint32_t bytes,
                           const char* verb);
void count_global(Warp& w, const uint64_t* address, uint32_t m, uint32_t bytes, bool write);
void count_global_atomic(Warp& w, const uint64_t* address, uint32_t m, uint32_t bytes);
void touch_sectors(Cta& c, const uint64_t* sectors, unsigned n);
void count_shared(Warp& w, const uint64_t* offset, uint32_t m, uint32_t bytes);
void land_copy(Warp& w, AsyncCopy& copy, uint32_t lanes);

// 16 bytes of shared memory that the copy engine or a wgmma of `lane` reads from now on, and has read by now.
void proxy_read_begins(Warp& w, const Instr& in, uint32_t lane, uint32_t offset);
void proxy_read_ends(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t issued);

// Runs the warp until it waits, ends or has done `budget` instructions. One version per instruction set.
using RunFn = void (*)(Warp&, uint64_t budget);
void run_poisoned(Warp& w, uint64_t budget);  // in place of RunFn for a warp with poison
void run_watched(Warp& w, uint64_t budget);   // and for one whose accumulators are watched
// Leaves the run loop after the current instruction.
inline void stop_warp(Warp& w, Wait why) {
  w.stop = why;
  w.limit = 0;
}

// Instruction sets.
struct IsaTable {
  const char* name;
  ExecFn (*select)(const Instr& in);
  RunFn run;
};
const IsaTable& isa();
ExecFn select_common(const Instr& in);  // opcodes with one implementation for all instruction sets

}  // namespace cudasim
