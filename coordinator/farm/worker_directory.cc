#include "coordinator/farm/worker_directory.h"

#include <algorithm>

#include "common/protocol/codec.h"

namespace extfarm {
namespace {

constexpr Duration kReadAgainAfter = std::chrono::milliseconds(500);
constexpr Duration kReadEagerlyAfter = std::chrono::milliseconds(20);  // until the first worker is there
constexpr Duration kHelloEvery = std::chrono::seconds(1);
constexpr Duration kFirstHelloEvery = std::chrono::milliseconds(50);  // until the worker answers

}  // namespace

WorkerDirectory::WorkerDirectory(DirectorySettings settings, ConnectingChannel& channel)
    : settings_(std::move(settings)), channel_(channel) {}

// The beacon of a killed worker leads to the one that took its place there, as
// that one's own does: by both it would seem two workers, each with its slots.
bool WorkerDirectory::is_reached(const Beacon& beacon) const {
  return std::any_of(contacts_.begin(), contacts_.end(), [&](const auto& entry) {
    const Beacon& known = entry.second.beacon;
    return known.endpoint == beacon.endpoint && known.public_key == beacon.public_key;
  });
}

void WorkerDirectory::complain_once(const std::string& complaint) {
  if (complained_.insert(complaint).second) complaints_.push_back(complaint);
}

// The file of a worker that is connected to is not read again: of many workers on
// a file server that would be most of what a build asks it.
void WorkerDirectory::read_folder(const std::string& folder, bool is_local) {
  if (folder.empty()) return;
  auto reading = read_beacons(folder, [this](const std::string& name) { return contacts_.contains(name); });
  for (const auto& complaint : reading.complaints) complain_once(complaint);
  for (const auto& beacon : reading.beacons) {
    if (contacts_.contains(beacon.name) || is_reached(beacon)) continue;
    if (beacon.protocol_version != protocol::kVersion) {
      complain_once("worker " + beacon.name + " speaks protocol version " + std::to_string(beacon.protocol_version) +
                    ", this coordinator " + std::to_string(protocol::kVersion) + "; install the same extfarm on both");
      continue;
    }
    const auto& named = settings_.endpoints;
    if (!is_local && !named.empty() && std::find(named.begin(), named.end(), beacon.endpoint) == named.end())
      continue;
    connect(beacon.name, beacon, is_local);
  }
}

void WorkerDirectory::connect(const std::string& name, const Beacon& beacon, bool is_local) {
  if (contacts_.size() >= settings_.most_workers) {
    return complain_once("only " + std::to_string(settings_.most_workers) +
                         " workers are used, for this process may not open more files and connections; raise its limit "
                         "(ulimit -Hn) to four times as many as there are workers");
  }
  const auto peer = channel_.connect(name, beacon.endpoint, beacon.public_key);
  if (!peer) return complain_once(peer.error().message);
  contacts_[*peer] = {beacon, is_local, {}, false};
  hellos_due_ = {};
}

void WorkerDirectory::say_hellos(Timestamp now) {
  if (now < hellos_due_) return;
  hellos_due_ = now + kHelloEvery;
  for (auto& [peer, contact] : contacts_) hellos_due_ = std::min(hellos_due_, say_hello(now, peer, contact));
}

// Another address of a worker that is known by an earlier one.  A worker answers a coordinator where it was greeted last,
// so only one of the addresses may go on greeting.
bool WorkerDirectory::is_second_way(const PeerId& peer) const {
  const auto current = current_.find(peer);
  return current != current_.end() && workers_.at(current->second).peer != peer;
}

Timestamp WorkerDirectory::say_hello(Timestamp now, const PeerId& peer, Contact& contact) {
  if (is_second_way(peer)) return now + kHelloEvery;
  const bool answered = current_.contains(peer);
  const Duration every = answered ? kHelloEvery : kFirstHelloEvery;
  if (contact.hello_said && now - contact.last_hello < every) return contact.last_hello + every;
  protocol::Hello hello;
  hello.coordinator_epoch = settings_.epoch;
  hello.host = settings_.host;
  hello.user = settings_.user;
  hello.has_heard = answered;
  if (answered) {
    const auto& leases = workers_.at(current_.at(peer)).leases;
    hello.leases_known.assign(leases.begin(), leases.end());
  }
  if (channel_.send(peer, protocol::encode(protocol::ToWorker{hello})) != SendStatus::kAccepted) return now;
  contact.last_hello = now;
  contact.hello_said = true;
  return now + every;
}

void WorkerDirectory::refresh(Timestamp now) {
  if (!last_reading_ || now - *last_reading_ >= (has_usable() ? kReadAgainAfter : kReadEagerlyAfter)) {
    last_reading_ = now;
    read_folder(settings_.local_rendezvous, true);
    read_folder(settings_.rendezvous, false);
    for (const auto& endpoint : settings_.endpoints) {
      const bool known = std::any_of(contacts_.begin(), contacts_.end(), [&](const auto& entry) {
        return entry.second.beacon.endpoint == endpoint;
      });
      if (known) continue;
      Beacon beacon;
      beacon.name = endpoint;
      beacon.endpoint = endpoint;
      beacon.public_key = settings_.own_worker_key;
      connect(endpoint, beacon, false);
    }
  }
  say_hellos(now);
}

WorkerDirectory::Sighting WorkerDirectory::see(Timestamp, const PeerId& peer,
                                               const protocol::Heartbeat& heartbeat) {
  Sighting sighting;
  const auto contact = contacts_.find(peer);
  if (contact == contacts_.end() || heartbeat.version != protocol::kVersion || !heartbeat.knows_coordinator) {
    return sighting;
  }
  auto current = current_.find(peer);
  if (current != current_.end() && workers_.at(current->second).epoch != heartbeat.worker_epoch) {
    if (!is_second_way(peer)) sighting.lost = current->second;
    current_.erase(current);
    current = current_.end();
  }
  if (current == current_.end()) {
    if (const auto* same = find_same(contact->second.beacon, heartbeat.worker_epoch)) {
      const auto& first = contacts_.at(same->peer).beacon.endpoint;
      complain_once("worker " + same->name + " is found at " + first + " and at " + contact->second.beacon.endpoint +
                    "; it counts once, by the first");
      current = current_.emplace(peer, same->id).first;
    }
  }
  if (current == current_.end()) {
    KnownWorker worker;
    worker.id = WorkerId{next_worker_++};
    worker.peer = peer;
    worker.name = heartbeat.worker_name;
    worker.host = heartbeat.host;
    worker.epoch = heartbeat.worker_epoch;
    worker.is_local = contact->second.is_local;
    current = current_.emplace(peer, worker.id).first;
    workers_.emplace(worker.id, worker);
    sighting.joined = true;
  }
  sighting.worker = &workers_.at(current->second);
  sighting.worker->slots = std::max(sighting.worker->slots, heartbeat.slots);
  return sighting;
}

// The worker of that key in that life, if a peer is known to be it.
const KnownWorker* WorkerDirectory::find_same(const Beacon& beacon, std::uint64_t epoch) const {
  for (const auto& [peer, id] : current_) {
    const auto& worker = workers_.at(id);
    if (worker.epoch == epoch && contacts_.at(peer).beacon.public_key == beacon.public_key) return &worker;
  }
  return nullptr;
}

KnownWorker* WorkerDirectory::find(WorkerId id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : &it->second;
}

KnownWorker* WorkerDirectory::find(const PeerId& peer) {
  const auto it = current_.find(peer);
  return it == current_.end() ? nullptr : find(it->second);
}

void WorkerDirectory::send(WorkerId id, const protocol::ToWorker& message) {
  const auto* worker = find(id);
  const auto current = worker == nullptr ? current_.end() : current_.find(worker->peer);
  if (current == current_.end() || current->second != id) return;  // an earlier life
  channel_.post(worker->peer, [&](std::string& frame) { protocol::append(frame, message); });
}

void WorkerDirectory::say_goodbye() {
  for (const auto& [peer, contact] : contacts_) {
    static_cast<void>(channel_.send(peer, protocol::encode(protocol::ToWorker{protocol::Goodbye{}})));
  }
}

std::vector<std::string> WorkerDirectory::take_complaints() { return std::exchange(complaints_, {}); }

}  // namespace extfarm
