// The module `_sclip`.
#include "python/native/module.h"

#include <nanobind/stl/string.h>

sclip::Image image_of(const PixelArray& array, const std::string& order) {
  const bool grey = array.ndim() == 2;
  if (array.ndim() != 2 && array.ndim() != 3)
    throw nb::value_error("a picture has the shape (H, W), (H, W, 3) or (H, W, 4)");
  const size_t channels = grey ? 1 : array.shape(2);
  if (channels != 1 && channels != 3 && channels != 4)
    throw nb::value_error("a picture has 1, 3 or 4 channels, and they come last");
  if ((!grey && array.stride(2) != 1) || array.stride(1) != static_cast<int64_t>(channels))
    throw nb::value_error("the pixels of a row must touch: pass numpy.ascontiguousarray of the picture");
  int32_t kind = SCLIP_GREY;
  const bool blue_first = order == "bgr";
  if (!blue_first && order != "rgb") throw nb::value_error("the order is 'rgb' or 'bgr'");
  if (channels == 3) kind = blue_first ? SCLIP_BGR : SCLIP_RGB;
  if (channels == 4) kind = blue_first ? SCLIP_BGRA : SCLIP_RGBA;
  if (array.shape(0) > INT32_MAX || array.shape(1) > INT32_MAX) throw nb::value_error("the picture is too large");
  return {.pixels = array.data(),
          .width = static_cast<int32_t>(array.shape(1)),
          .height = static_cast<int32_t>(array.shape(0)),
          .row_stride = array.shape(0) > 1 ? array.stride(0) : 0,
          .order = kind};
}

NB_MODULE(_sclip, m) {
  m.attr("version") = sclip_version();
  nb::set_leak_warnings(false);  // a model that lives until the interpreter ends is no fault
  static nb::exception<sclip::Error> error(m, "Error", PyExc_RuntimeError);
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const sclip::Error& e) {
      // What Python's own code would raise for the same fault.
      PyObject* kind = error.ptr();
      switch (e.status()) {
        case SCLIP_INVALID_ARGUMENT: kind = PyExc_ValueError; break;
        case SCLIP_NOT_FOUND: kind = PyExc_FileNotFoundError; break;
        case SCLIP_OUT_OF_MEMORY: kind = PyExc_MemoryError; break;
        case SCLIP_IO: kind = PyExc_OSError; break;
        case SCLIP_CANCELLED: kind = PyExc_KeyboardInterrupt; break;
        default: break;
      }
      PyErr_SetString(kind, e.what());
    }
  });
  bind_engine(m);
  bind_session(m);
  bind_pictures(m);
}
