// Serves the live page over HTTP: / the page, /events the state as it changes
// (server-sent events), /metrics for Prometheus, /report the last build's report.
// Reads only; knows nothing of builds beyond the state it is given.  The only
// user of httplib.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "coordinator/live_page/address.h"
#include "coordinator/live_page/state.h"

namespace extfarm::live_page {

class LiveServer {
 public:
  // Listens at once; who connects is answered when run() runs.
  // Errors: kIo, with the address.
  static Result<std::unique_ptr<LiveServer>> open(const Address&, StateReader&, const std::string& host_name);
  ~LiveServer();
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;
  // "http://127.0.0.1:7180/", with the port that was taken.
  std::string url() const;
  // Serves until stop(), which any thread may call.
  void run();
  void stop();

 private:
  struct Parts;
  explicit LiveServer(std::unique_ptr<Parts>);
  std::unique_ptr<Parts> parts_;
};

}  // namespace extfarm::live_page
