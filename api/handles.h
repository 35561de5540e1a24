// Handles: numbers that look like pointers, and the objects behind them.
//
// No number is given out twice, so a handle that was freed is known for what it is, however its memory is used by now.
// A call holds the object while it works: freeing a handle meanwhile, from another thread, ends the object after the
// call.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace sclip::api {

enum class Kind : uint8_t { kEngine, kBank, kSession, kFeatures, kResult, kPicture, kBytes, kRle };

uintptr_t add_handle(Kind kind, std::shared_ptr<void> object);
// Both throw kInvalidArgument for a handle that is none, or not of this kind.
std::shared_ptr<void> find_handle(Kind kind, uintptr_t handle);
void remove_handle(Kind kind, uintptr_t handle);

// `Object` names its kind and the C type of its handles: objects.h.
template <typename Object>
typename Object::Handle* give(std::shared_ptr<Object> object) {
  return reinterpret_cast<typename Object::Handle*>(add_handle(Object::kKind, std::move(object)));
}

template <typename Object>
std::shared_ptr<Object> take(const typename Object::Handle* handle) {
  return std::static_pointer_cast<Object>(find_handle(Object::kKind, reinterpret_cast<uintptr_t>(handle)));
}

// NULL is nothing to free.
template <typename Object>
void release(const typename Object::Handle* handle) {
  if (handle != nullptr) remove_handle(Object::kKind, reinterpret_cast<uintptr_t>(handle));
}

}  // namespace sclip::api
