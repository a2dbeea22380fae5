#include "coordinator/shell/embedded_worker.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

extern char** environ;

namespace extfarm {
namespace {

// To end; it is killed afterwards.
constexpr std::chrono::seconds kPatience{2};

}  // namespace

std::string program_folder() {
  std::error_code unreadable;
  return std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path().string();
}

Result<void> EmbeddedWorker::start(std::uint32_t slots, const std::string& rendezvous,
                                   const std::string& key_folder, const std::string& tools) {
  ProcessRequest request;
  request.program = program_folder() + "/extfarm-worker";
  if (::access(request.program.c_str(), X_OK) != 0) {
    return failure(ErrorCode::kNotFound, "cannot start the local worker: " + request.program +
                                             " is not there; install it beside extfarm, or use --local 0");
  }
  request.argv = {"extfarm-worker",
                  "--bind",
                  "tcp://127.0.0.1:*",
                  "--slots",
                  std::to_string(slots),
                  "--rendezvous",
                  rendezvous,
                  "--key-folder",
                  key_folder,
                  "--tools",
                  tools,
                  "--trust",
                  "/",
                  "--nice",
                  "0",
                  "--quiet",
                  "--exit-with-parent"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos)
      request.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  request.cwd = "/";
  auto started = runner_.start(request);
  if (!started) return tl::unexpected(started.error());
  id_ = *started;
  return {};
}

void EmbeddedWorker::ask_to_end() {
  const auto pid = id_ ? runner_.pid(*id_) : std::nullopt;
  if (pid) ::kill(*pid, SIGHUP);  // as if we had ended: it stops its compiles and clears its scratch folder
}

void EmbeddedWorker::stop() {
  ask_to_end();
  const auto give_up_at = std::chrono::steady_clock::now() + kPatience;
  while (id_ && runner_.pid(*id_) && std::chrono::steady_clock::now() < give_up_at) {
    pollfd ready{runner_.fd(), POLLIN, 0};
    ::poll(&ready, 1, 50);
    runner_.take_exits();
  }
}

}  // namespace extfarm
