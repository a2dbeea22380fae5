// What ZeroMQ gives without extfarm: a ROUTER and DEALERs, each a process of its
// own, with CURVE over loopback; for each request an answer, and nothing else.
#pragma once

#include <unistd.h>

#include <string>
#include <vector>
#include <zmq.hpp>

#include "common/transport/keys.h"
#include "tests/bench/far_ends.h"

namespace extfarm::bench {

class BareSockets {
 public:
  BareSockets(std::size_t dealers, std::size_t answer_bytes) {
    const KeyPair own = make_key_pair(), theirs = make_key_pair();
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(20000 + ::getpid() % 20000);
    for (std::size_t i = 0; i < dealers; ++i) {
      dealers_.start([&](int fd) {
        FarEnds::tell(fd, "here");
        answer(endpoint, theirs, own.public_key, answer_bytes);
      });
    }
    context_ = zmq::context_t();  // not before the last fork
    router_ = zmq::socket_t(context_, zmq::socket_type::router);
    router_.set(zmq::sockopt::curve_server, true);
    router_.set(zmq::sockopt::curve_secretkey, own.secret_key);
    router_.set(zmq::sockopt::linger, 0);
    router_.bind(endpoint);
    zmq::message_t id, body;
    while (peers_.size() < dealers) {
      receive(id, body);
      peers_.push_back(id.to_string());
    }
  }
  // So many requests and their answers, `at_once` of them under way with each dealer.
  void exchange(const std::string& request, std::uint64_t count, std::uint32_t at_once) {
    std::uint64_t sent = 0;
    for (std::uint32_t i = 0; i < at_once; ++i) {
      for (const auto& peer : peers_) sent += sent < count ? (send(peer, request), 1) : 0;
    }
    zmq::message_t id, body;
    for (std::uint64_t received = 0; received < count; ++received) {
      receive(id, body);
      if (sent < count) sent += (send(id.to_string(), request), 1);
    }
  }

 private:
  static void answer(const std::string& endpoint, const KeyPair& own, const std::string& server_key, std::size_t answer_bytes) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::curve_serverkey, server_key);
    socket.set(zmq::sockopt::curve_publickey, own.public_key);
    socket.set(zmq::sockopt::curve_secretkey, own.secret_key);
    socket.connect(endpoint);
    socket.send(zmq::buffer("hello", 5));
    const std::string bytes(answer_bytes, 'a');
    while (true) {
      zmq::message_t message;
      if (!socket.recv(message)) return;
      socket.send(zmq::buffer(bytes));
    }
  }
  void send(const std::string& to, const std::string& bytes) {
    router_.send(zmq::buffer(to), zmq::send_flags::sndmore);
    router_.send(zmq::buffer(bytes));
  }
  void receive(zmq::message_t& id, zmq::message_t& body) {
    if (!router_.recv(id) || !router_.recv(body)) fail("a dealer is gone");
  }

  FarEnds dealers_;
  zmq::context_t context_{0};
  zmq::socket_t router_;
  std::vector<std::string> peers_;
};

}  // namespace extfarm::bench
