#include "coordinator/clusters/demand_board.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace extfarm::clusters {
namespace {

constexpr Duration kPutEvery = std::chrono::seconds(1);
constexpr std::uint64_t kLargestNoteBytes = 4 << 20;  // of ten thousand workers it has one
constexpr const char* kSuffix = ".json";
constexpr const char* kOffer = "/offer";

}  // namespace

std::string demand_folder(const std::string& rendezvous) { return rendezvous + "/demand"; }

bool Pulses::is_alive(Timestamp now, const std::string& name, std::uint64_t sequence) {
  const auto [beat, is_new] = beats_.try_emplace(name, Beat{sequence, now});
  if (!is_new && beat->second.sequence != sequence) beat->second = {sequence, now};
  return now - beat->second.since < kDeadAfter;
}

DemandPost::DemandPost(const std::string& rendezvous, std::string build, Filesystem& filesystem)
    : folder_(demand_folder(rendezvous)),
      path_(folder_ + "/" + build + kSuffix),
      build_(std::move(build)),
      filesystem_(filesystem) {}

DemandPost::~DemandPost() {
  if (sequence_ == 0) return;
  ::unlink(path_.c_str());
  ::rmdir(folder_.c_str());  // only when whoever kept workers has left, and this was the last build
}

bool DemandPost::is_due(Timestamp now) {
  if (last_look_ && now - *last_look_ < kPutEvery) return false;
  last_look_ = now;
  if (!filesystem_.stat(folder_)) {
    offered_slots_ = 0;
    return false;
  }
  read_offer_there(now);
  return true;
}

void DemandPost::read_offer_there(Timestamp now) {
  offered_slots_ = 0;
  const auto text = filesystem_.read(folder_ + kOffer);
  const auto offer = text ? read_offer(*text) : tl::unexpected(text.error());
  if (offer && pulses_.is_alive(now, kOffer, offer->sequence)) offered_slots_ = offer->slots;
}

void DemandPost::put(DemandNote note) {
  note.build = build_;
  note.sequence = ++sequence_;
  (void)filesystem_.write_atomically(path_, text_of(note), 0644);
}

Result<DemandBoard> DemandBoard::open(const std::string& rendezvous, Filesystem& filesystem) {
  DemandBoard board(demand_folder(rendezvous), filesystem);
  std::error_code failed;
  std::filesystem::create_directories(board.folder_, failed);
  if (failed || ::access(board.folder_.c_str(), W_OK) != 0) {
    return failure(ErrorCode::kIo, "cannot make the folder " + board.folder_ + ": " + std::strerror(failed ? failed.value() : errno) +
                                       "; name one that can be written, for workers and builds alike, with --rendezvous");
  }
  return board;
}

std::vector<DemandNote> DemandBoard::read(Timestamp now) {
  std::vector<DemandNote> out;
  for (const auto& name : filesystem_->list(folder_).value_or(std::vector<std::string>{})) {
    if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;
    const auto path = folder_ + "/" + name;
    const auto stamp = filesystem_->stat(path);
    if (!stamp || !stamp->is_regular || stamp->size_bytes > kLargestNoteBytes) continue;
    const auto text = filesystem_->read(path);
    if (!text) continue;  // its build has just ended
    auto note = read_demand_note(*text);
    if (note && note->build + kSuffix == name && pulses_.is_alive(now, name, note->sequence))
      out.push_back(std::move(*note));
    else if (!pulses_.is_alive(now, name, note ? note->sequence : 0))
      ::unlink(path.c_str());
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.build < b.build; });
  return out;
}

void DemandBoard::offer(std::uint64_t slots) {
  (void)filesystem_->write_atomically(folder_ + kOffer, text_of(Offer{++sequence_, slots}), 0644);
}

void DemandBoard::close() {
  ::unlink((folder_ + kOffer).c_str());
  ::rmdir(folder_.c_str());  // stays while builds still have notes there; the last one removes it
}

}  // namespace extfarm::clusters
