// Runs the commands of a transcript and compares what they print: how a plugin in any language is
// tested.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/process.hpp>

namespace jetpack::authoring {

// A command line and what it prints. In the file, a line "$ COMMAND" begins a step; what follows, up to
// the next one, is what it prints on standard output and standard error together, in the order in which
// it appears. A last line "[exit N]" is the exit code when it is not 0. An expected line that ends with
// " (glob)" is a pattern: * is any text, ? any character. Lines before the first step, and lines that
// begin with # there, are comments.
struct Step {
  size_t line = 0;  // in the file, from 1
  std::string command;
  std::vector<std::string> expected;
};

// Throws Errc::corrupt when the text has no step.
std::vector<Step> read_transcript(std::string_view text);

// Whether a line that was printed is the one that was expected.
bool line_matches(std::string_view expected, std::string_view printed);

// What is run, and where.
struct TestBed {
  std::string plugins;                        // the directory of the plugins under test
  std::string host;                           // the jetpack that runs them
  std::string directory;                      // a new one: home/, bin/, work/
  std::chrono::milliseconds deadline{60000};  // of a step
};

// Creates the directories of a test bed: a home without a configuration; a bin/ whose jetpack runs the
// host with the plugins under test; and work/, in which the commands run.
void prepare(const TestBed& bed);

// Runs the steps with bash, one after another. What differs, as lines to be shown; empty: all passed.
std::string run_transcript(const std::vector<Step>& steps, const TestBed& bed,
                           const Process& process);

}  // namespace jetpack::authoring
