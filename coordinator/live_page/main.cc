// extfarm-live-page: what `extfarm status --serve` becomes.  A program of its own,
// because the HTTP library and what it brings along would treble the time in
// which each `extfarm run` starts.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <thread>

#include "coordinator/live_page/live_server.h"

namespace {

using namespace extfarm;

constexpr int kExitUsage = 2, kExitRetry = 75;

int refuse(int code, const std::string& message) {
  std::fprintf(stderr, "extfarm: %s\n", message.c_str());
  return code;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// Returns when INT, TERM or HUP has come.
int serve(const live_page::Address& address, const std::string& folder, const std::string& rendezvous) {
  sigset_t ending;  // blocked before any thread is there
  sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  const MonotonicClock clock;
  live_page::StateReader state(folder, rendezvous, clock);
  const auto server = live_page::LiveServer::open(address, state, host_name());
  if (!server) return refuse(kExitRetry, server.error().message);
  std::printf("%s shows the builds in %s; Ctrl-C ends it\n", (*server)->url().c_str(), folder.c_str());
  std::fflush(stdout);
  std::thread serving([&] { (*server)->run(); });
  int signal = 0;
  ::sigwait(&ending, &signal);
  (*server)->stop();
  serving.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string address_text, folder, rendezvous;
  bool to_network = false;
  CLI::App app{"Serves a page that follows the builds in a folder; started by extfarm status --serve", "extfarm-live-page"};
  app.add_option("--address", address_text, "ADDRESS:PORT");
  app.add_option("--folder", folder, "Where .extfarm lies")->required();
  app.add_option("--rendezvous", rendezvous, "Folder where workers announce themselves")->required();
  app.add_flag("--to-network", to_network, "An address that other machines reach may be served");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  const auto address = live_page::parse_address(address_text);
  if (!address) return refuse(kExitUsage, address.error().message);
  if (!address->is_loopback() && !to_network) {
    return refuse(kExitUsage, address->host + " can be reached by other machines, and whoever reaches it reads file names and commands "
                              "of your builds; if that is meant, say --to-network");
  }
  return serve(*address, folder, rendezvous);
}
