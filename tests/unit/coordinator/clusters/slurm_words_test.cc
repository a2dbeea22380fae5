#include "coordinator/clusters/slurm_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace extfarm::clusters {
namespace {

using staffing::JobState;

SlurmJob job(const std::string& state, const std::string& reason = "None") {
  return {"1_0", state, 0, std::chrono::hours(1), reason};
}

// As squeue 22.05 prints it.
constexpr const char* kQueue =
    "12                      0                       RUNNING                 0                       29:48                   None\n"
    "12                      1                       PENDING                 1                       1-00:00:30              BeginTime\n"
    "12                      2                       PENDING                 0                       UNLIMITED               launch failed requeued held\n"
    "13                      N/A                     RUNNING                 0                       NOT_SET                 None\n"
    "slurm_load_jobs error: Unable to contact slurm controller\n";

TEST(Queue, IsReadLineByLine) {
  const auto jobs = read_queue(kQueue);
  ASSERT_EQ(jobs.size(), 3u) << "what is no task of an array is not a worker";
  EXPECT_EQ(jobs[0].id, "12_0");
  EXPECT_EQ(jobs[0].time_left, Duration(std::chrono::seconds(29 * 60 + 48)));
  EXPECT_EQ(jobs[1].life(), "12_1.1");
  EXPECT_EQ(jobs[1].time_left, Duration(std::chrono::hours(24) + std::chrono::seconds(30)));
  EXPECT_EQ(jobs[2].time_left, std::nullopt);
  EXPECT_EQ(jobs[2].reason, "launch failed requeued held");
}

TEST(Queue, StatesMeanWhatAWorkerIsGoodFor) {
  EXPECT_EQ(meaning_of(job("RUNNING")), JobState::kRunning);
  EXPECT_EQ(meaning_of(job("CONFIGURING")), JobState::kWaiting);
  EXPECT_EQ(meaning_of(job("PENDING", "Priority")), JobState::kWaiting);
  EXPECT_EQ(meaning_of(job("PENDING", "QOSMaxCpuPerUserLimit")), JobState::kWaiting);
  EXPECT_EQ(meaning_of(job("PENDING", "BeginTime")), JobState::kLater);
  EXPECT_EQ(meaning_of(job("PENDING", "JobHeldAdmin")), JobState::kLater);
  EXPECT_EQ(meaning_of(job("SUSPENDED")), JobState::kLater);
  EXPECT_EQ(meaning_of(job("COMPLETING")), JobState::kLeaving);
  for (const char* ended : {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "PREEMPTED", "NODE_FAIL"})
    EXPECT_EQ(meaning_of(job(ended)), std::nullopt) << ended;
}

TEST(Queue, WhoseTimeIsNearlyOverTakesNothingNew) {
  SlurmJob last = job("RUNNING");
  last.time_left = std::chrono::seconds(60);
  EXPECT_EQ(meaning_of(last), JobState::kLeaving);
  last.time_left = std::chrono::seconds(61);
  EXPECT_EQ(meaning_of(last), JobState::kRunning);
}

TEST(Queue, OnlyALimitIsWorthAWord) {
  EXPECT_TRUE(is_hindered(job("PENDING", "QOSMaxCpuPerUserLimit")));
  EXPECT_FALSE(is_hindered(job("PENDING", "Resources")));
  EXPECT_FALSE(is_hindered(job("RUNNING", "QOSMaxCpuPerUserLimit")));
}

TEST(Submission, TheUsersOptionsComeBeforeThoseThatAreReliedUpon) {
  SlurmJobRequest request;
  request.job_name = "extfarm-me-1234";
  request.log_folder = "/logs";
  request.time_limit = "1:00:00";
  request.sbatch_options = {"--cpus-per-task=9", "--job-name=mine"};
  const auto words = sbatch_words(request, 3);
  const auto at = [&](const std::string& word) { return std::find(words.begin(), words.end(), word) - words.begin(); };
  EXPECT_THAT(words, testing::IsSupersetOf({"--array=0-2", "--time=1:00:00", "--output=/logs/%A_%a.log", "--signal=B:USR1@60"}));
  EXPECT_LT(at("--cpus-per-task=1"), at("--cpus-per-task=9"));
  EXPECT_LT(at("--job-name=mine"), at("--job-name=extfarm-me-1234"));
}

TEST(Submission, ThePathsInTheScriptAreWordsOfAShell) {
  SlurmJobRequest request;
  request.worker = "/a b/it's";
  request.worker_options = {"--root", "$HOME"};
  const auto script = job_script(request);
  EXPECT_NE(script.find("exec '/a b/it'\\''s' --bind"), std::string::npos) << script;
  EXPECT_NE(script.find("'--root' '$HOME'\n"), std::string::npos) << script;
}

TEST(Submission, ItsNumberIsReadAndNothingElse) {
  EXPECT_EQ(read_submitted("12\n"), "12");
  EXPECT_EQ(read_submitted("12;cluster\n"), "12");
  EXPECT_EQ(read_submitted("Submitted batch job 12\n"), std::nullopt);
  EXPECT_EQ(read_submitted(""), std::nullopt);
}

TEST(Config, AnArrayHasAtLeastOneTask) {
  EXPECT_EQ(read_most_in_array("MaxArraySize            = 1001\n"), 1001u);
  EXPECT_EQ(read_most_in_array("MaxArraySize            = 0\n"), 1u);
  EXPECT_EQ(read_most_in_array("nothing"), 1u);
}

TEST(Label, SaysWhichLifeOfWhichJobAWorkerIs) {
  const auto label = read_label("slurm:extfarm-me-12ab:12_3.1");
  ASSERT_TRUE(label);
  EXPECT_EQ(label->job_name + " " + label->id, "extfarm-me-12ab 12_3");
  EXPECT_EQ(label->restarts, 1u);
  for (const char* other : {"", "slurm:", "slurm:a.b:1", "nomad:x:1.0", "slurm:1.0"}) EXPECT_FALSE(read_label(other)) << other;
}

}  // namespace
}  // namespace extfarm::clusters
