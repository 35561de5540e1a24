// What the bindings share: one function for each class, and how Python's objects become C++'s.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "sclip/sclip.hpp"

namespace nb = nanobind;

void bind_engine(nb::module_& m);
void bind_session(nb::module_& m);
void bind_pictures(nb::module_& m);

// A picture (H, W, 3), (H, W, 4) or (H, W), 8 bits, rows apart by any stride, pixels without gaps.
using PixelArray = nb::ndarray<const uint8_t, nb::device::cpu>;
sclip::Image image_of(const PixelArray& array, const std::string& order);

// An array of Python's that owns what `values` holds.
template <typename T, typename... Sizes>
auto to_array(std::vector<T> values, Sizes... sizes) {
  auto* const kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(kept->data(), {static_cast<size_t>(sizes)...}, owner);
}
