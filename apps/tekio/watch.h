// A run's page from inside of it: its curves as they come, and what the model makes of a text by now.
#pragma once

#include <tekio/adapt.h>
#include <memory>
#include <optional>
#include <string>

#include "inputs.h"
#include "serve/server.h"
#include "serve/service.h"

namespace tekio::cli {

/// Hands the model, which is the training thread's, to another one between two updates.
class Turns;

class Watch {
 public:
  /// Takes the port (0: any that is free), for clients on this machine alone, who wait until start().
  /// TEKIO_SERVE_TOKEN is what they need, as of `tekio serve`. Errors: io (it cannot be had; this Tekio has no server).
  explicit Watch(int port);
  /// What had arrived is answered, or refused where it waits for the model.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Serves the run that `options` ask for, whose on_update from now on answers, too, what clients ask of the model,
  /// and whose on_log shows its evaluations.
  void start(const OpenModel& opened, TrainingOptions& options);
  std::string url() const;

 private:
  const std::shared_ptr<Turns> turns_;
  std::optional<serve::Service> service_;  // outlives the server
  serve::Server server_;
};

}  // namespace tekio::cli
