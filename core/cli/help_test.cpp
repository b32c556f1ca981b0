// Tests of help texts.
#include "cli/help.hpp"

#include <doctest/doctest.h>

namespace jetpack {

TEST_CASE("usage shows what is optional, repeated and required") {
  CommandNote command;
  command.name = "report_issue";
  ParameterNote upload;
  upload.name = "upload";
  upload.type = JP_FLAG;
  upload.negatable = true;
  ParameterNote project;
  project.name = "project";
  project.letter = 'p';
  project.required = true;
  project.metavar = "PROJECT_NAME";
  ParameterNote header;
  header.name = "header";
  header.repeated = true;
  header.metavar = "NAME=VALUE";
  command.options = {upload, project, header};
  ParameterNote path;
  path.name = "LOG_PATH";
  path.repeated = true;
  command.arguments = {path};
  CHECK(usage_line(command) ==
        "usage: jetpack report_issue [--upload/--no-upload] --project PROJECT_NAME\n"
        "                     [--header NAME=VALUE]... [LOG_PATH ...]\n");
  const std::string help = command_help(command);
  CHECK(help.find("[required]") != std::string::npos);
  CHECK(help.find("[can be repeated]") != std::string::npos);
}

TEST_CASE("help is wrapped and names defaults and choices") {
  CommandNote command;
  command.name = "log";
  command.summary = "Log a message";
  ParameterNote level;
  level.name = "level";
  level.choices = {"info", "warn"};
  level.fallback = "info";
  level.help = "What kind of message it is, which is not how important it is to anybody";
  command.options = {level};
  const std::string help = command_help(command);
  CHECK(help.find("--level {info,warn}") != std::string::npos);
  CHECK(help.find("[default: info]") != std::string::npos);
  for (const size_t width : {60U, 80U, 100U}) {
    const std::string text = command_help(command, width);
    size_t start = 0;
    for (size_t end = 0; (end = text.find('\n', start)) != std::string::npos; start = end + 1)
      CHECK(end - start <= width);
  }
}

TEST_CASE("the overview has every command, or one that stands for it") {
  const std::vector<Registry::Listed> commands{{"converge", "Configure it"},
                                               {"converge history", "List the runs"},
                                               {"gpu", "Count"},
                                               {"gpu a", "A"},
                                               {"gpu b", "B"},
                                               {"gpu c", "C"},
                                               {"hub node add", "Add"},
                                               {"hub node list", "List"}};
  const std::string text = overview(commands, 80);
  CHECK(text.find("  converge          Configure it\n") != std::string::npos);
  CHECK(text.find("  converge history  List the runs\n") != std::string::npos);
  CHECK(text.find("  gpu  Count\n") != std::string::npos);
  CHECK(text.find("gpu a") == std::string::npos);
  CHECK(text.find("  hub node ...  add, list\n") != std::string::npos);
}

}  // namespace jetpack
