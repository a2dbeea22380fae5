#include "coordinator/scheduling/prediction.h"

#include <algorithm>
#include <cmath>

namespace extfarm::scheduling {
namespace {

constexpr double kLeastSeconds = 1e-3;        // below, noise is all there is
constexpr double kBeliefs[] = {-3, -1, 1};    // ln seconds at which a guess is believed to be right
constexpr double kBeliefWeight = 0.5;         // of each of those, in runs
constexpr double kMemoryWeight = 8;           // runs it takes to doubt what is remembered
constexpr double kMovedLog = 0.2;             // 20 % changes which chain is the longest
constexpr double kSpeedDoubtWeight = 11;      // 1 / variance of ln(speed) among the hosts of a lab: about 0.3²
constexpr double kKnownSpeedWeight = 100;     // the same for what earlier builds learned: 0.1²
constexpr double kEqualLog = 0.08;            // hosts closer than this are not told apart
constexpr double kClassLog = 0.12;            // nor those within one class

double log_of(double seconds) { return std::log(std::max(seconds, kLeastSeconds)); }

}  // namespace

void Predictor::Line::add(double x_value, double y_value, double w) {
  weight += w;
  x += w * x_value;
  y += w * y_value;
  xx += w * x_value * x_value;
  xy += w * x_value * y_value;
}

void Predictor::Line::fit(bool slope_is_known) {
  const double variance = xx - x * x / weight;
  slope = slope_is_known || variance < 1e-9 ? 1 : std::clamp((xy - x * y / weight) / variance, 0.1, 1.5);
  offset = (y - slope * x) / weight;
  factor = std::exp(offset);
}

Predictor::Line& Predictor::line_of(bool is_guess, std::uint32_t category) {
  const auto [it, is_new] = lines_.try_emplace(is_guess ? std::uint64_t{category} + 1 : 0);
  if (is_new) {
    if (!is_guess) it->second.add(0, 0, kMemoryWeight);
    if (is_guess) {
      for (const double at : kBeliefs) it->second.add(at, at, kBeliefWeight);
    }
  }
  return it->second;
}

void Predictor::learn(bool is_guess, std::uint32_t category, double predicted_seconds, double reference_seconds) {
  Line& line = line_of(is_guess, category);
  line.add(log_of(predicted_seconds), log_of(reference_seconds), 1);
  line.fit(!is_guess);
  ++learned_;
}

double Predictor::predict(bool is_guess, std::uint32_t category, double predicted_seconds) const {
  const auto it = lines_.find(is_guess ? std::uint64_t{category} + 1 : 0);
  if (it == lines_.end()) return predicted_seconds;
  if (!is_guess) return predicted_seconds * it->second.factor;
  return std::exp(it->second.at(log_of(predicted_seconds)));
}

bool Predictor::has_moved() {
  if (learned_ < looked_again_at_) return false;
  looked_again_at_ = 2 * learned_;
  bool moved = false;
  for (auto& [key, line] : lines_) {
    for (const double at : kBeliefs) {
      const double before = line.offset_then + line.slope_then * at;
      moved = moved || std::abs(line.at(at) - before) > kMovedLog;
    }
  }
  if (!moved) return false;
  for (auto& [key, line] : lines_) {
    line.offset_then = line.offset;
    line.slope_then = line.slope;
  }
  return true;
}

Speed::Speed(double known)
    : prior_log_(known > 0 ? std::log(known) : 0), prior_weight_(known > 0 ? kKnownSpeedWeight : kSpeedDoubtWeight) {
  value_ = std::exp(prior_log_);
}

void Speed::learn(double relative, double weight) {
  sum_ += weight * std::log(relative);
  weight_ += weight;
  const double log = (sum_ + prior_log_ * prior_weight_) / (weight_ + prior_weight_);
  value_ = std::abs(log) < kEqualLog ? 1 : std::exp(log);
}

int Speed::speed_class() const { return static_cast<int>(std::lround(std::log(value_) / kClassLog)); }

double speed_of_class(int speed_class) { return std::exp(kClassLog * speed_class); }

void PeakMemory::learn(std::uint32_t category, std::uint64_t bytes) {
  Seen& seen = seen_[category];
  const double value = static_cast<double>(bytes);
  const double share = 1.0 / static_cast<double>(std::min<std::uint64_t>(++seen.count, 32));
  seen.deviation += share * (std::abs(value - seen.mean) - seen.deviation);
  seen.mean += share * (value - seen.mean);
  if (seen.count == 1) seen.deviation = 0;
}

std::uint64_t PeakMemory::expect(std::uint32_t category, std::uint64_t otherwise) const {
  const auto it = seen_.find(category);
  if (it == seen_.end()) return otherwise;
  return static_cast<std::uint64_t>(it->second.mean + it->second.deviation);
}

}  // namespace extfarm::scheduling
