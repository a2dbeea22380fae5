// Channels over ZeroMQ with CURVE.  The only file that sees zmq: sockets, the
// ZAP handler and the making of keys.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <zmq.hpp>

#include "common/base/check.h"
#include "common/transport/channel.h"
#include "common/transport/frame.h"

namespace extfarm {
namespace {

constexpr std::int64_t kLongestMessageBytes = 8 << 20;  // a chunk is 1 MiB, a report's inline outputs 256 KiB
constexpr std::size_t kFullFrameBytes = 64 << 10;       // no further message goes with so much
constexpr int kLongestHandshakeMs = 5000;               // then a connection that has not proved a key is closed
constexpr int kWaitingConnections = 512;                // not yet accepted; a flood shall not shut others out
constexpr int kZapEnforceDomain = 93;                   // raw option: cppzmq of Debian 12 has no name for it
constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";

struct News {
  std::mutex mutex;
  std::vector<ConnectionNews> waiting;
  void add(ConnectionNews news) {
    const std::lock_guard lock(mutex);
    if (waiting.size() < 1000) waiting.push_back(std::move(news));
  }
  std::vector<ConnectionNews> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(waiting, {});
  }
};

// Asked by the ZAP handler's thread and by the channel's.
class AllowList {
 public:
  explicit AllowList(std::vector<std::string> keys) : keys_(keys.begin(), keys.end()) {}
  void replace(std::vector<std::string> keys) {
    const std::lock_guard lock(mutex_);
    keys_ = {keys.begin(), keys.end()};
  }
  bool has(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    return keys_.contains(key);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> keys_;
};

std::string z85(const void* key) {
  std::array<char, 41> text{};
  FARM_CHECK(zmq_z85_encode(text.data(), static_cast<const std::uint8_t*>(key), 32) != nullptr);
  return text.data();
}

bool is_key(const std::string& text) {
  std::array<std::uint8_t, 32> bytes{};
  return text.size() == 40 && zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

// Answers libzmq's question "may this key connect?" in a thread of its own, so
// that a busy loop delays no handshake.  Without it CURVE admits every key.
class ZapHandler {
 public:
  ZapHandler(zmq::context_t& context, AllowList& allowed, News& news) : allowed_(allowed), news_(news), socket_(context, zmq::socket_type::rep) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind(kZapEndpoint);
    thread_ = std::thread([this] { serve(); });
  }
  void join() { thread_.join(); }  // after the context was shut down

 private:
  void serve() {
    try {
      for (;;) {
        std::vector<zmq::message_t> request;
        do {
          request.emplace_back();
          if (!socket_.recv(request.back())) return;
        } while (request.back().more());
        answer(request);
      }
    } catch (const zmq::error_t&) {  // ETERM: the channel ends
    }
    socket_.close();
  }
  void answer(const std::vector<zmq::message_t>& request) {
    // version, request id, domain, address, identity, mechanism, credentials
    const bool is_curve = request.size() == 7 && request[5].to_string() == "CURVE" && request[6].size() == 32;
    const std::string key = is_curve ? z85(request[6].data()) : "";
    const bool admitted = is_curve && allowed_.has(key);
    if (!admitted) {
      const std::string from = request.size() > 3 ? request[3].to_string() : "?";
      news_.add({is_curve ? ConnectionNews::Kind::kRefusedUnknownKey : ConnectionNews::Kind::kHandshakeFailed,
                 from,
                 is_curve ? "a client at " + from + " with the unknown key " + key +
                                " was refused; to admit it add that key as a line to authorized_keys"
                          : "a client at " + from + " without CURVE was refused"});
    }
    const std::array<std::string, 6> reply = {"1.0",
                                              request.size() > 1 ? request[1].to_string() : "",
                                              admitted ? "200" : "400",
                                              admitted ? "OK" : "unknown key",
                                              admitted ? key : "",
                                              ""};
    for (std::size_t i = 0; i < reply.size(); ++i) {
      socket_.send(zmq::buffer(reply[i]),
                   i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  AllowList& allowed_;
  News& news_;
  zmq::socket_t socket_;
  std::thread thread_;
};

// Reads the socket's monitor: for messages to the user only.
class Monitor {
 public:
  Monitor(zmq::context_t& context, zmq::socket_t& socket, bool is_worker)
      : is_worker_(is_worker), pair_(context, zmq::socket_type::pair) {
    const std::string endpoint = "inproc://monitor";
    FARM_CHECK(zmq_socket_monitor(socket.handle(), endpoint.c_str(),
                                  ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                      ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                      ZMQ_EVENT_DISCONNECTED) == 0);
    pair_.set(zmq::sockopt::linger, 0);
    pair_.connect(endpoint);
  }
  void read(News& news, const std::string& own_key) {
    zmq::message_t event, address;
    while (pair_.recv(event, zmq::recv_flags::dontwait) && pair_.recv(address, zmq::recv_flags::dontwait)) {
      std::uint16_t kind = 0;
      std::uint32_t value = 0;
      std::memcpy(&kind, event.data(), sizeof kind);
      std::memcpy(&value, static_cast<const char*>(event.data()) + sizeof kind, sizeof value);
      add(news, kind, address.to_string(), own_key);
    }
  }

 private:
  void add(News& news, std::uint16_t kind, const std::string& where, const std::string& own_key) {
    using Kind = ConnectionNews::Kind;
    if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return news.add({Kind::kConnected, where, ""});
    if (kind == ZMQ_EVENT_DISCONNECTED) return news.add({Kind::kDisconnected, where, ""});
    if (is_worker_) {
      // A refused key was told by the ZAP handler, with the key.
      if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return;
      return news.add(
          {Kind::kHandshakeFailed, where,
           "a client without CURVE, or with another key for this worker, was refused; clients need "
           "extfarm's protocol and this worker's key from its beacon"});
    }
    if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      return news.add({Kind::kRefusedByPeer, where,
                       "the worker at " + where + " does not admit this user's key; add the line " + own_key +
                           " to its ~/.extfarm/authorized_keys; builds that start after that may use it"});
    }
    news.add({Kind::kHandshakeFailed, where,
              "the worker at " + where +
                  " did not prove the key of its beacon; it is not used. Remove the stale "
                  "beacon from the rendezvous folder, or restart the worker"});
  }
  bool is_worker_;
  zmq::socket_t pair_;
};

// The ZAP handler's word; a coordinator's end has none.
std::string proved_key(zmq::message_t& message) {
  const char* proved = zmq_msg_gets(message.handle(), "User-Id");
  return proved != nullptr ? proved : "";
}

// Called by the thread of libzmq's that has sent it.
void let_go_of_frame(void*, void* frame) { delete static_cast<std::string*>(frame); }

// The frame itself, not a copy.
zmq::message_t message_of(std::string&& frame) {
  auto kept = std::make_unique<std::string>(std::move(frame));
  zmq::message_t message(kept->data(), kept->size(), let_go_of_frame, kept.get());
  kept.release();
  return message;
}

void set_limits(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, kLongestMessageBytes);
  socket.set(zmq::sockopt::handshake_ivl, kLongestHandshakeMs);
  socket.set(zmq::sockopt::reconnect_ivl, 100);
  socket.set(zmq::sockopt::reconnect_ivl_max, 5000);
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::sndhwm, 10'000);
  socket.set(zmq::sockopt::rcvhwm, 10'000);
}

// What both ends share; Interface is ConnectingChannel or BoundChannel.
template <class Interface>
class ZmqChannel : public Interface {
 public:
  ZmqChannel(const KeyPair& own, bool is_worker) : own_(own), socket_(context_, zmq::socket_type::router) {
    set_limits(socket_);
    monitor_ = std::make_unique<Monitor>(context_, socket_, is_worker);
  }
  ~ZmqChannel() override {
    zmq_socket_monitor(socket_.handle(), nullptr, 0);
    monitor_.reset();
    socket_.close();
  }

  void wait(int extra_fd, Duration timeout) override {
    flush();
    if (unread_) return;
    std::array<zmq::pollitem_t, 2> items = {
        {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, extra_fd, ZMQ_POLLIN, 0}}};
    const auto up = std::chrono::ceil<std::chrono::milliseconds>(timeout);
    // EINTR: the caller looks at everything anyway.
    zmq_poll(reinterpret_cast<zmq_pollitem_t*>(items.data()), extra_fd >= 0 ? 2 : 1, up.count());
  }

  // Of a frame that is none of ours, one empty message is heard: unreadable by intent.
  std::optional<Envelope> receive() override {
    while (unread_ || receive_frame()) {
      if (dropped_.contains(sender_) || !is_admitted(sender_key_)) {
        unread_.reset();
        continue;
      }
      const auto message = take_message(*unread_);
      Envelope envelope{sender_, message.value_or(""), sender_key_};
      if (!message || unread_->empty()) unread_.reset();
      return envelope;
    }
    return std::nullopt;
  }

  SendStatus send(const PeerId& peer, std::string_view bytes) override {
    std::string frame;
    if (auto posted = posted_.extract(peer)) frame = std::move(posted.mapped());
    append_message(frame, [&](std::string& end) { end += bytes; });
    return send_frame(peer, std::move(frame));
  }

  void post(const PeerId& peer, const std::function<void(std::string&)>& write) override {
    const auto posted = posted_.try_emplace(peer).first;
    append_message(posted->second, write);
    if (posted->second.size() >= kFullFrameBytes) send_frame(peer, std::move(posted_.extract(posted).mapped()));
  }

  void flush() override {
    for (auto& [peer, frame] : posted_) send_frame(peer, std::move(frame));
    posted_.clear();
  }

  // A ROUTER of libzmq 4.3 cannot close one peer's connection: the peer is
  // neither heard nor spoken to again.
  void drop(const PeerId& peer) override {
    dropped_.insert(peer);
    posted_.erase(peer);
  }

  std::vector<ConnectionNews> take_news() override {
    monitor_->read(news_, own_.public_key);
    return news_.take();
  }

 protected:
  virtual bool is_admitted(const std::string&) const { return true; }  // of a key

 private:
  bool receive_frame() {
    zmq::message_t peer;
    while (receive_one(peer)) {
      if (!peer.more() || !receive_one(frame_)) continue;
      unread_ = std::string_view(frame_.data<char>(), frame_.size());
      sender_ = peer.to_string();
      sender_key_ = proved_key(frame_);
      zmq::message_t rest;
      for (bool more = frame_.more(); more && receive_one(rest); more = rest.more()) unread_ = "";
      return true;
    }
    return false;
  }
  bool receive_one(zmq::message_t& message) {
    for (;;) {
      if (zmq_msg_recv(message.handle(), socket_.handle(), ZMQ_DONTWAIT) >= 0) return true;
      if (zmq_errno() != EINTR) return false;
    }
  }
  SendStatus send_frame(const PeerId& peer, std::string frame) {
    if (dropped_.contains(peer)) return SendStatus::kPeerGone;
    if (zmq_send(socket_.handle(), peer.data(), peer.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
      return zmq_errno() == EAGAIN ? SendStatus::kPeerFull : SendStatus::kPeerGone;
    }
    auto message = message_of(std::move(frame));
    if (zmq_msg_send(message.handle(), socket_.handle(), ZMQ_DONTWAIT) < 0) return SendStatus::kPeerGone;
    return SendStatus::kAccepted;
  }

  zmq::message_t frame_;  // of `sender_`
  std::optional<std::string_view> unread_;  // of `frame_`
  PeerId sender_;
  std::string sender_key_;
  std::map<PeerId, std::string> posted_;

 protected:
  KeyPair own_;
  News news_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
  std::unique_ptr<Monitor> monitor_;
  std::set<PeerId> dropped_;
};

class ConnectingZmqChannel final : public ZmqChannel<ConnectingChannel> {
 public:
  explicit ConnectingZmqChannel(const KeyPair& own) : ZmqChannel(own, false) {
    socket_.set(zmq::sockopt::curve_publickey, own.public_key);
    socket_.set(zmq::sockopt::curve_secretkey, own.secret_key);
  }
  Result<PeerId> connect(const std::string& peer_name, const std::string& endpoint,
                         const std::string& server_key) override {
    if (!is_key(server_key)) {
      return failure(ErrorCode::kInvalid,
                     "cannot connect to the worker at " + endpoint + ": its key is no CURVE key");
    }
    try {
      socket_.set(zmq::sockopt::curve_serverkey, server_key);
      socket_.set(zmq::sockopt::connect_routing_id, peer_name);
      socket_.connect(endpoint);
      endpoints_[peer_name] = endpoint;
      return peer_name;
    } catch (const zmq::error_t& e) {
      return failure(ErrorCode::kInvalid, "cannot connect to the worker at " + endpoint + ": " + e.what() +
                                              "; an endpoint reads tcp://HOST:PORT");
    }
  }
  void disconnect(const PeerId& peer) override {
    const auto it = endpoints_.find(peer);
    if (it == endpoints_.end()) return;
    zmq_disconnect(socket_.handle(), it->second.c_str());
    endpoints_.erase(it);
  }

 private:
  std::map<PeerId, std::string> endpoints_;
};

class BoundZmqChannel final : public ZmqChannel<BoundChannel> {
 public:
  BoundZmqChannel(const KeyPair& own, std::vector<std::string> allowed)
      : ZmqChannel(own, true),
        allowed_(std::move(allowed)),
        zap_(std::make_unique<ZapHandler>(context_, allowed_, news_)) {
    socket_.set(zmq::sockopt::backlog, kWaitingConnections);
    socket_.set(zmq::sockopt::curve_server, true);
    socket_.set(zmq::sockopt::curve_secretkey, own.secret_key);
    socket_.set(zmq::sockopt::zap_domain, "extfarm");
    const int enforce = 1;
    FARM_CHECK(zmq_setsockopt(socket_.handle(), kZapEnforceDomain, &enforce, sizeof enforce) == 0);
  }
  ~BoundZmqChannel() override {
    zmq_socket_monitor(socket_.handle(), nullptr, 0);
    monitor_.reset();
    socket_.close();
    context_.shutdown();
    zap_->join();
  }
  void bind(const std::string& endpoint) { socket_.bind(endpoint); }
  std::string bound_endpoint() const override { return socket_.get(zmq::sockopt::last_endpoint); }
  void admit_only(std::vector<std::string> allowed) override { allowed_.replace(std::move(allowed)); }

 private:
  bool is_admitted(const std::string& key) const override { return allowed_.has(key); }
  AllowList allowed_;
  std::unique_ptr<ZapHandler> zap_;
};

}  // namespace

KeyPair make_key_pair() {
  std::array<char, 41> public_key{}, secret_key{};
  FARM_CHECK(zmq_curve_keypair(public_key.data(), secret_key.data()) == 0);
  return {public_key.data(), secret_key.data()};
}

Result<std::unique_ptr<ConnectingChannel>> make_connecting_channel(const KeyPair& own) {
  try {
    return std::make_unique<ConnectingZmqChannel>(own);
  } catch (const zmq::error_t& e) {
    return failure(ErrorCode::kUnavailable, std::string("cannot make a ZeroMQ socket: ") + e.what());
  }
}

Result<std::unique_ptr<BoundChannel>> make_bound_channel(const std::string& endpoint, const KeyPair& own,
                                                         std::vector<std::string> allowed_clients) {
  try {
    auto channel = std::make_unique<BoundZmqChannel>(own, std::move(allowed_clients));
    channel->bind(endpoint);
    return channel;
  } catch (const zmq::error_t& e) {
    return failure(ErrorCode::kUnavailable,
                   "cannot listen on " + endpoint + ": " + e.what() +
                       "; is another worker there? --bind tcp://*:* takes a free port");
  }
}

}  // namespace extfarm
