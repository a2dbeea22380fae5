// Messages between processes, as bytes.  Knows nothing of what they mean.
// zmq_channel.cc is the only user of ZeroMQ.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/timestamp.h"
#include "common/transport/keys.h"

namespace extfarm {

// Opaque name of the other end, unique within one channel.
using PeerId = std::string;

struct Envelope {
  PeerId peer;
  std::string_view bytes;  // lie in the channel, until the next receive()
  std::string key;  // Z85: the public key that the sender has proved; a worker's end only
};

// What a peer's connection came to; for messages to the user, never for decisions.
struct ConnectionNews {
  enum class Kind { kConnected, kDisconnected, kRefusedByPeer, kRefusedUnknownKey, kHandshakeFailed };
  Kind kind;
  std::string endpoint;  // as far as known
  std::string detail;    // what to tell the user, with what to do next
};

enum class SendStatus { kAccepted, kPeerGone, kPeerFull };

// Not thread-safe: one thread per channel.
class Channel {
 public:
  virtual ~Channel() = default;
  // Sends what was posted, and waits until a message is there or `extra_fd` is
  // readable or time is up.
  virtual void wait(int extra_fd, Duration timeout) = 0;
  // The next message already here, without waiting.
  virtual std::optional<Envelope> receive() = 0;
  // At once, after what was posted to this peer.  Never blocks.  kAccepted is
  // not a delivery.
  virtual SendStatus send(const PeerId&, std::string_view bytes) = 0;
  // In one frame with whatever else is posted to this peer until the next
  // wait() or flush(), or until it is full.  `write` appends the message to what
  // it is given.  Never blocks, and is no delivery.
  virtual void post(const PeerId&, const std::function<void(std::string&)>& write) = 0;
  virtual void flush() = 0;
  // Ends the peer's connection (a worker does so after a malformed message:
  // later messages of that peer are dropped unread).
  virtual void drop(const PeerId&) = 0;
  virtual std::vector<ConnectionNews> take_news() = 0;
};

// A coordinator's end: connects out to many workers.
class ConnectingChannel : public Channel {
 public:
  // Connects to a worker whose public key must be `server_key` (Z85).  The
  // returned peer id is `peer_name`.  Errors: kInvalid endpoint or key.
  virtual Result<PeerId> connect(const std::string& peer_name, const std::string& endpoint,
                                 const std::string& server_key) = 0;
  virtual void disconnect(const PeerId&) = 0;
};

// A worker's end: bound to one endpoint, admits only keys of the allow-list.
class BoundChannel : public Channel {
 public:
  // The endpoint with the port that was really bound, e.g. "tcp://0.0.0.0:41213".
  virtual std::string bound_endpoint() const = 0;
  // From now on: other keys are refused, and what their connections still send is dropped unread.
  virtual void admit_only(std::vector<std::string> allowed_clients) = 0;
};

// `own` is the client key pair.
Result<std::unique_ptr<ConnectingChannel>> make_connecting_channel(const KeyPair& own);
// `endpoint` such as "tcp://*:7170" or "tcp://127.0.0.1:*".  `allowed_clients`
// holds Z85 public keys; the ZAP handler runs before the socket is bound.
Result<std::unique_ptr<BoundChannel>> make_bound_channel(const std::string& endpoint, const KeyPair& own,
                                                         std::vector<std::string> allowed_clients);

}  // namespace extfarm
