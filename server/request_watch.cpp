#include "server/request_watch.h"

#include <algorithm>

#include "server/http/http_error.h"

namespace sclip {
namespace {

constexpr std::chrono::milliseconds kPeerLook{20};

}  // namespace

RequestWatch::RequestWatch(std::function<void(bool)> given_up)
    : given_up_(std::move(given_up)), thread_([this] { run(); }) {}

RequestWatch::~RequestWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void RequestWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (requests_.empty()) {
      wake_.wait(lock, [&] { return stopping_ || !requests_.empty(); });
      continue;
    }
    for (RequestPatience* request : requests_) {
      if (request->source_.stop_requested()) continue;
      request->look();
      if (request->source_.stop_requested()) given_up_(request->end_ == RequestPatience::End::kDeadline);
    }
    wake_.wait_for(lock, kPeerLook, [&] { return stopping_; });
  }
}

RequestPatience::RequestPatience(RequestWatch& watch, Clock::time_point deadline, std::function<bool()> peer_gone)
    : watch_(watch), deadline_(deadline), peer_gone_(std::move(peer_gone)) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.requests_.push_back(this);
  if (watch_.requests_.size() == 1) watch_.wake_.notify_all();
}

RequestPatience::~RequestPatience() {
  const std::lock_guard lock(watch_.mutex_);
  std::erase(watch_.requests_, this);
}

void RequestPatience::check() const {
  switch (end_.load()) {
    case End::kNone: return;
    case End::kDeadline:
      throw HttpError(504, "deadline", "the request was not answered within its deadline, and was given up");
    case End::kGone: throw HttpError(kClientClosed, "client_gone", "the client closed the connection");
  }
}

void RequestPatience::look() {
  End end = End::kNone;
  if (Clock::now() >= deadline_) {
    end = End::kDeadline;
  } else if (peer_gone_()) {
    end = End::kGone;
  }
  if (end == End::kNone) return;
  end_ = end;
  source_.request_stop();
}

}  // namespace sclip
