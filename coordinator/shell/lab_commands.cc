// The commands about workers: their options, and what follows from them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "common/transport/keys.h"
#include "coordinator/shell/commands.h"

namespace extfarm {
namespace {

int show_keys(const std::string& folder) {
  const auto client = load_or_make_key_pair(folder, "client");
  const auto worker = load_or_make_key_pair(folder, "worker");
  for (const auto* key : {&client, &worker}) {
    if (*key) continue;
    std::fprintf(stderr, "extfarm: %s\n", key->error().message.c_str());
    return 78;
  }
  if (const auto allowed = load_or_make_authorized_keys(folder, client->public_key); !allowed) {
    std::fprintf(stderr, "extfarm: %s\n", allowed.error().message.c_str());
    return 78;
  }
  std::printf("client key  %s\nworker key  %s\n", client->public_key.c_str(), worker->public_key.c_str());
  std::printf(
      "To let this client use another user's workers, add its client key as a line to\n"
      "~/.extfarm/authorized_keys there.\n");
  return 0;
}

}  // namespace

LabCommands::LabCommands(CLI::App& app, SharedOptions& shared)
    : shared_(shared),
      keys_(app.add_subcommand("keys", "Show this user's public keys; makes them at first")),
      status_(app.add_subcommand("status", "List the workers that have announced themselves; with --serve, show the running build on a page")),
      doctor_(app.add_subcommand("doctor", "Say what stands in the way of builds, on this host and on each worker, and what to do about it")),
      workers_(app.add_subcommand("workers", "Keep workers on a cluster while builds have work for them")) {
  keys_->add_option("--key-folder", shared_.run.key_folder, "Folder of the keys")->type_name("DIR")->capture_default_str();
  add_status();
  add_doctor();
  slurm_options_.job.rendezvous = shared_.run.rendezvous;
  slurm_options_.job.key_folder = shared_.run.key_folder;
  workers_->require_subcommand(1);
  add_slurm_options(*workers_->add_subcommand("slurm", "Keep them as jobs in Slurm, as many as there is work for"), slurm_options_);
}

void LabCommands::add_status() {
  status_->add_option("--rendezvous", shared_.run.rendezvous, "Folder where workers announce themselves")
      ->type_name("DIR")
      ->capture_default_str();
  status_->add_option("--serve", status_options_.serve, "Serve a page that follows the builds in the current folder; default: 127.0.0.1:7180")
      ->type_name("ADDRESS")
      ->expected(0, 1)
      ->default_str("");
  status_->add_flag("--to-network", status_options_.to_network, "An address that other machines reach may be served");
  status_->add_flag("--json", status_options_.as_json, "The workers as JSON, as doc/json.md describes it");
}

void LabCommands::add_doctor() {
  doctor_->add_option("folder", doctor_options_.folder, "What the workers should see; default: the current folder")->type_name("DIR");
  doctor_->add_option("--compiler", doctor_options_.compilers,
                    "Compare this compiler; may be repeated. Default: gcc, g++, clang, clang++ and Python with Cython, those that are here")
      ->type_name("PROGRAM")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  doctor_->add_flag("--json", doctor_options_.as_json, "Findings as JSON");
  doctor_->add_option("--rendezvous", shared_.run.rendezvous, "Folder where workers announce themselves")->type_name("DIR")->capture_default_str();
  doctor_->add_option("--workers", shared_.workers, "Endpoints, separated by spaces, in place of all that announce themselves");
  doctor_->add_option("--key-folder", shared_.run.key_folder, "Folder of the keys")->type_name("DIR")->capture_default_str();
}

std::optional<int> LabCommands::run() {
  if (keys_->parsed()) return show_keys(shared_.run.key_folder);
  if (workers_->parsed()) return keep_slurm_workers(slurm_options_);
  if (status_->parsed()) {
    status_options_.rendezvous = shared_.run.rendezvous;
    status_options_.folder = std::filesystem::current_path().string();
    if (status_->count("--serve") > 0 && !status_options_.serve) status_options_.serve = "";
    return show_status(status_options_);
  }
  if (doctor_->parsed()) {
    split_words(shared_.workers, shared_.run.workers);
    doctor_options_.run = shared_.run;
    return doctor(doctor_options_);
  }
  return std::nullopt;
}

}  // namespace extfarm
