#include "api/control.h"

#include "api/sized_struct.h"

namespace sclip::api {

Control::Control(const sclip_control* given)
    : control_(read_struct(given, sclip_control{sizeof(sclip_control), nullptr, nullptr, nullptr}, kFirstControlSize,
                           "sclip_control")) {
  if (control_.should_stop != nullptr) {
    source_ = std::stop_source();
    run_.stop = source_.get_token();
    if (control_.should_stop(control_.user) != 0) source_.request_stop();
  }
  if (control_.progress != nullptr || control_.should_stop != nullptr) {
    run_.progress = [this](double share) {
      if (control_.progress != nullptr) control_.progress(share, control_.user);
      if (control_.should_stop != nullptr && control_.should_stop(control_.user) != 0) source_.request_stop();
    };
  }
}

}  // namespace sclip::api

sclip_status sclip_control_init(sclip_control* control, size_t struct_size) {
  using namespace sclip::api;
  return guarded("sclip_control_init", [&] {
    write_struct(control, {sizeof(sclip_control), nullptr, nullptr, nullptr}, struct_size, kFirstControlSize,
                 "sclip_control");
  });
}
