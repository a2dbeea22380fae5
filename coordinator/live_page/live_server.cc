#include "coordinator/live_page/live_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "coordinator/live_page/metrics.h"
#include "coordinator/live_page/page_parts.h"
#include "coordinator/reporting/page_parts.h"

namespace extfarm::live_page {
namespace {

// Each listener of events has a thread; the others are for what is asked once.
constexpr int kMostListeners = 16, kThreads = kMostListeners + 8;
constexpr auto kEventEvery = std::chrono::milliseconds(500);
constexpr int kTurnsOfSilence = 20;  // then a comment, so that a listener who is gone is noticed

const httplib::Headers kHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"}};

void refuse(httplib::Response& response, int status, const std::string& why) {
  response.status = status;
  response.set_content(why + "\n", "text/plain");
}

}  // namespace

struct LiveServer::Parts {
  Parts(Address where, StateReader& reader, std::string name)
      : address(std::move(where)), state(reader), host_name(std::move(name)) {}

  void set_up();
  void send_events(httplib::Response&);
  void send_report(httplib::Response&) const;

  Address address;
  StateReader& state;
  std::string host_name;
  std::atomic<bool> is_stopping = false, has_begun = false, has_ended = false;
  std::atomic<int> listeners = 0;
  httplib::Server server;
};

void LiveServer::Parts::set_up() {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options([](socket_t socket) {  // not the library's own, which lets another process take the port, too
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_payload_max_length(0);
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    for (const auto& [name, value] : kHeaders) response.set_header(name, value);
    if (!is_own_host(request.get_header_value("Host"), address, host_name))
      refuse(response, 403, "This page is served under this machine's own address only.");
    else if (request.method != "GET")
      refuse(response, 405, "This page is read only.");
    else
      return httplib::Server::HandlerResponse::Unhandled;
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto text = [&](const char* path, std::string_view content, const char* type) {
    server.Get(path, [content, type](const auto&, auto& response) { response.set_content(content.data(), content.size(), type); });
  };
  text("/", embedded::kLiveHtml, "text/html; charset=utf-8");
  text("/page.css", embedded::kPageCss, "text/css");
  text("/live.css", embedded::kLiveCss, "text/css");
  text("/page.js", embedded::kPageJs, "text/javascript");
  text("/live.js", embedded::kLiveJs, "text/javascript");
  server.Get("/events", [this](const auto&, auto& response) { send_events(response); });
  server.Get("/metrics", [this](const auto&, auto& response) {
    response.set_content(metrics_text(state.read()), "text/plain; version=0.0.4; charset=utf-8");
  });
  server.Get("/report", [this](const auto&, auto& response) { send_report(response); });
}

void LiveServer::Parts::send_events(httplib::Response& response) {
  if (++listeners > kMostListeners) {
    --listeners;
    return refuse(response, 503, "Too many pages listen already; close some.");
  }
  struct Sent {
    std::string text;
    int silent_turns = 0;
  };
  const auto sent = std::make_shared<Sent>();
  response.set_chunked_content_provider(
      "text/event-stream",
      [this, sent](std::size_t, httplib::DataSink& sink) {
        if (is_stopping) {
          sink.done();
          return true;
        }
        if (!sent->text.empty()) std::this_thread::sleep_for(kEventEvery);
        auto now = state_json(state.read());
        std::string event;
        if (now != sent->text)
          event = "data: " + now + "\n\n";
        else if (++sent->silent_turns >= kTurnsOfSilence)
          event = ": nothing new\n\n";
        else
          return true;
        sent->text = std::move(now);
        sent->silent_turns = 0;
        return sink.write(event.data(), event.size());
      },
      [this](bool) { --listeners; });
}

// It carries its own policy, and its script within itself.
void LiveServer::Parts::send_report(httplib::Response& response) const {
  std::ostringstream text;
  text << std::ifstream(state.folder() + "/.extfarm/report.html", std::ios::binary).rdbuf();
  if (text.str().empty()) return refuse(response, 404, "No build has left a report here yet.");
  response.headers.erase("Content-Security-Policy");
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'");
  response.set_content(text.str(), "text/html; charset=utf-8");
}

LiveServer::LiveServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LiveServer::~LiveServer() { stop(); }

Result<std::unique_ptr<LiveServer>> LiveServer::open(const Address& address, StateReader& state,
                                                     const std::string& host_name) {
  std::unique_ptr<LiveServer> out(new LiveServer(std::make_unique<Parts>(address, state, host_name)));
  Parts& parts = *out->parts_;
  parts.set_up();
  errno = 0;
  int port = address.port;
  const bool is_bound = port != 0 ? parts.server.bind_to_port(address.host, port) : (port = parts.server.bind_to_any_port(address.host)) > 0;
  if (!is_bound) {
    return failure(ErrorCode::kIo, "cannot listen at " + address.host + ", port " + std::to_string(address.port) + ": " +
                                       (errno != 0 ? std::strerror(errno) : "no such address here") + "; name another: --serve ADDRESS:PORT");
  }
  parts.address.port = static_cast<std::uint16_t>(port);
  return out;
}

std::string LiveServer::url() const {
  const auto& address = parts_->address;
  const bool is_six = address.host.find(':') != std::string::npos;
  return "http://" + (is_six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port) + "/";
}

void LiveServer::run() {
  parts_->has_begun = true;
  if (!parts_->is_stopping) parts_->server.listen_after_bind();
  parts_->has_ended = true;
}

// The library hears stop() only once it listens, and wants to hear it once.
void LiveServer::stop() {
  if (parts_->is_stopping.exchange(true) || !parts_->has_begun) return;
  while (!parts_->server.is_running() && !parts_->has_ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!parts_->has_ended) parts_->server.stop();
}

}  // namespace extfarm::live_page
