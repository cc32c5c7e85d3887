// A command as one of the processes that a launcher (mpirun, srun) started together.
#pragma once

#include <exception>
#include <functional>
#include <string>

#include "command.h"
#include "data/data_ranks.h"
#include "dist/communicator.h"

namespace tekio::cli {

/// Finds the others and calls `body`; started alone, it is alone. Ranks but the first are silent, and whatever ends one
/// of them is told to all. Without --threads each takes its share of the processors. Refuses ranks that were given
/// another command or other options, but for those that say where and how a process works and not what comes of it.
/// Errors: as of join() and `body`; usage.
int run_on_ranks(const OptionTable& table, Common& common, const std::function<int(Communicator& ranks)>& body);

/// Errors: device (what the command is to compute on is a GPU that is not there, or not usable).
void require_gpu(const Common& common);

/// The ranks for those that read data together.
DataRanks data_ranks(Communicator& ranks);

/// Whether the user was told, by whichever rank, why this one ends. Of one that was left by another, whatever is known
/// is enough.
bool was_said(ErrorKind kind, const std::string& why);

/// What an exception tells the user, in a sentence, and its kind.
struct Told {
  ErrorKind kind = ErrorKind::bug;
  std::string sentence;
};
Told told_of(const std::exception& error);

/// Errors: usage (a launcher started several processes of a command that is one process's work).
void require_one_process(const std::string& command);

/// A command that would have run on ranks was refused before: tells the others, so that all end with one sentence.
void refuse_on_ranks(const Told& why);

/// From now on this process is ended where it stands if it does not end soon once nothing goes on: it may be held up
/// where nothing reaches it. For a process that is the command's alone.
void end_where_held_up();

/// The exit code of a process that ends for an error of this kind, as the last thing that it does. Where others were
/// started beside it, it is theirs too, that of whoever failed first, and they are ended: a launcher that sees one
/// process fail by itself kills the others, and returns what it makes of that.
int end_with(ErrorKind kind);

}  // namespace tekio::cli
