// Copies and fills as operations.
#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/access.h"
#include "runtime/op.h"
#include "sim/memory.h"

namespace cudasim {

static size_t extent(size_t pitch, size_t width, size_t height) {
  return height ? pitch * (height - 1) + width : 0;
}

static cudaError_t check_kind(const char* call, const void* dst, const void* src, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return cudaSuccess;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  const auto host_visible = [](const void* p) {
    const Allocation* a = DeviceMemory::get().find(address_bits(p));
    return a && (a->kind == AllocKind::kHost || a->kind == AllocKind::kManaged);
  };
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const char* wrong = nullptr;
  if (to_device != is_device_pointer(dst) && !host_visible(dst))
    wrong = "destination";
  else if (from_device != is_device_pointer(src) && !host_visible(src))
    wrong = "source";
  if (!wrong) return cudaSuccess;
  Finding f;
  f.check = Check::kHostAccess;
  f.text = std::string(call) + ": the " + wrong + " pointer does not fit the direction of the copy (cudaMemcpyKind " +
           std::to_string(int(kind)) + ").";
  report(std::move(f));
  return cudaErrorInvalidValue;
}

static cudaError_t check_ranges(const CopyOp& c) {
  const cudaError_t e = check_range(c.call, "destination", c.dst, extent(c.dst_pitch, c.width, c.height));
  if (e != cudaSuccess || c.staged) return e;
  return check_range(c.call, "source", c.src, extent(c.src_pitch, c.width, c.height));
}

OpPtr make_copy(const char* call, void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                size_t height, cudaMemcpyKind kind, bool stage, cudaError_t* error) {
  auto op = std::make_shared<CopyOp>();
  op->call = call;
  op->dst = dst;
  op->src = src;
  op->dst_pitch = dst_pitch;
  op->src_pitch = src_pitch;
  op->width = width;
  op->height = height;
  op->kind = kind;
  *error = height > 1 && (width > dst_pitch || width > src_pitch) ? cudaErrorInvalidPitchValue : cudaSuccess;
  if (*error == cudaSuccess) *error = check_kind(call, dst, src, kind);
  if (*error == cudaSuccess) *error = check_ranges(*op);
  if (*error != cudaSuccess) return nullptr;
  // A pageable source is staged before an asynchronous copy returns; everything else is read when the copy runs.
  if (stage && is_pageable(src)) {
    auto bytes = std::make_shared<std::vector<uint8_t>>(width * height);
    for (size_t y = 0; y < height; ++y)
      std::memcpy(bytes->data() + y * width, static_cast<const uint8_t*>(src) + y * src_pitch, width);
    op->src = bytes->data();
    op->src_pitch = width;
    op->staged = std::move(bytes);
  }
  return op;
}

cudaError_t CopyOp::run() const {
  if (const cudaError_t e = check_ranges(*this); e != cudaSuccess) return e;  // freed in the meantime?
  for (size_t y = 0; y < height; ++y)
    std::memmove(readable_place(dst) + y * dst_pitch, readable_place(src) + y * src_pitch, width);
  return cudaSuccess;
}

static size_t fill_extent(const cudaMemsetParams& p) {
  return extent(p.pitch, p.width * p.elementSize, p.height);
}

OpPtr make_fill(const char* call, const cudaMemsetParams& params, cudaError_t* error) {
  *error = cudaErrorInvalidValue;
  if (params.elementSize != 1 && params.elementSize != 2 && params.elementSize != 4) return nullptr;
  if (params.height > 1 && params.width * params.elementSize > params.pitch) return nullptr;
  *error = check_device_range(call, "destination", params.dst, fill_extent(params));
  if (*error != cudaSuccess) return nullptr;
  auto op = std::make_shared<FillOp>();
  op->call = call;
  op->params = params;
  return op;
}

cudaError_t FillOp::run() const {
  if (const cudaError_t e = check_range(call, "destination", params.dst, fill_extent(params)); e != cudaSuccess)
    return e;
  for (size_t y = 0; y < params.height; ++y) {
    uint8_t* row = readable_place(params.dst) + y * params.pitch;
    if (params.elementSize == 1)
      std::memset(row, int(params.value), params.width);
    else
      for (size_t x = 0; x < params.width; ++x)
        std::memcpy(row + x * params.elementSize, &params.value, params.elementSize);
  }
  return cudaSuccess;
}

}  // namespace cudasim
