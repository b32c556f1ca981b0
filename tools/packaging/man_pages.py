#!/usr/bin/env python3
"""Writes a manual page for jetpack, and one for each command, from the notes of the installed plugins; and
the scripts for the completion in shells.

Run by meson as an install script: man_pages.py PREFIX [RUNNER ...]. What it writes is in
PREFIX/share/man/man1 and PREFIX/share/jetpack/completion. RUNNER is a command that runs programs for another machine.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

VALUES = {"integer": "N", "duration": "DURATION"}


def roff(text):
    """Text that roff leaves as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def paragraphs(text):
    """A description, whose paragraphs are apart by empty lines."""
    return "\n.PP\n".join(roff(part.strip()) for part in text.split("\n\n") if part.strip())


def placeholder(parameter):
    """What stands for the value."""
    if parameter.get("choices"):
        return "{" + ",".join(parameter["choices"]) + "}"
    return parameter.get("metavar") or VALUES.get(parameter.get("type"), parameter["name"].upper())


def is_required(parameter):
    """Whether the command line must have it: it cannot be in the configuration instead."""
    return parameter.get("required") and not parameter.get("from_config")


def remarks(parameter):
    """What the help says behind the text."""
    found = []
    if is_required(parameter):
        found.append("required")
    if parameter.get("repeated"):
        found.append("can be repeated")
    defaults = []
    if parameter.get("from_config"):
        defaults.append(f"{parameter['from_config']} of the configuration")
    if parameter.get("default") not in (None, ""):
        defaults.append(parameter["default"])
    if defaults:
        found.append("default: " + ", else ".join(defaults))
    return f" [{', '.join(found)}]" if found else ""


def option_lines(options):
    """The section OPTIONS."""
    for option in options:
        names = ([f"-{option['letter']}"] if option.get("letter") else []) + [f"--{option['name']}"]
        value = "" if option.get("type") == "flag" else f" \\fI{roff(placeholder(option))}\\fR"
        shown = ", ".join(f"\\fB{roff(name)}\\fR" for name in names)
        yield f".TP\n{shown}{value}\n{roff(option.get('help', '') + remarks(option))}"


def synopsis(name, details):
    """The command with its parameters in short."""
    words = [f"\\fBjetpack {roff(name)}\\fR"]
    for option in details.get("options", []):
        value = "" if option.get("type") == "flag" else f" \\fI{roff(placeholder(option))}\\fR"
        word = f"\\fB\\-\\-{roff(option['name'])}\\fR{value}"
        words.append(word if is_required(option) else f"[{word}]")
    for argument in details.get("arguments", []):
        word = f"\\fI{roff(argument['name'])}\\fR" + (" ..." if argument.get("repeated") else "")
        words.append(word if is_required(argument) else f"[{word}]")
    return " ".join(words)


def page(name, summary, details, version):
    """The manual page of one command."""
    title = f"jetpack-{name.replace(' ', '-')}"
    lines = [f'.TH {roff(title).upper()} 1 "" "jetpack {version}" "jetpack manual"',
             ".SH NAME", f"{roff(title)} \\- {roff(summary)}", ".SH SYNOPSIS", synopsis(name, details)]
    if details.get("description"):
        lines += [".SH DESCRIPTION", paragraphs(details["description"])]
    if details.get("arguments"):
        lines.append(".SH ARGUMENTS")
        lines += [f".TP\n\\fI{roff(each['name'])}\\fR\n{roff(each.get('help', '') + remarks(each))}"
                  for each in details["arguments"]]
    if details.get("options"):
        lines += [".SH OPTIONS", *option_lines(details["options"])]
    if details.get("examples"):
        lines.append(".SH EXAMPLES")
        lines += [f".TP\n{roff(each['help'])}\n\\fB{roff(each['line'])}\\fR" for each in details["examples"]]
    return "\n".join([*lines, ".SH SEE ALSO", "\\fBjetpack\\fR(1)", ""])


def overview(commands, version):
    """The manual page of jetpack itself."""
    lines = [f'.TH JETPACK 1 "" "jetpack {version}" "jetpack manual"', ".SH NAME",
             "jetpack \\- the agent of a node in an HPC cluster", ".SH SYNOPSIS",
             "\\fBjetpack\\fR [\\fB\\-\\-plugin\\-path\\fR \\fIDIR\\fR] \\fICOMMAND\\fR ...", ".SH COMMANDS"]
    lines += [f".TP\n\\fBjetpack\\-{roff(name.replace(' ', '-'))}\\fR(1)\n{roff(summary)}"
              for name, summary, _ in commands]
    return "\n".join([*lines, ""])


def main():
    """Writes the pages."""
    # Where an installation is staged, meson says where it is.
    prefix = pathlib.Path(os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", sys.argv[1]))
    jetpack = prefix / "bin/jetpack"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JETPACK_")}

    def output_of(*words):
        return subprocess.run([*sys.argv[2:], jetpack, *words], check=True, capture_output=True, text=True,
                              env=environment).stdout

    def ask(*words):
        return json.loads(output_of(*words))

    version = ask("version", "--json")["version"]
    commands = []
    for plugin in ask("help", "--json")["plugins"]:
        details = {each["command"]: each for each in plugin.get("details", [])}
        commands += [(each["name"], each["summary"], details.get(each["name"], {}))
                     for each in plugin["commands"]]
    commands.sort()
    directory = prefix / "share/man/man1"
    directory.mkdir(parents=True, exist_ok=True)
    pages = {"jetpack": overview(commands, version)}
    for name, summary, details in commands:
        pages[f"jetpack-{name.replace(' ', '-')}"] = page(name, summary, details, version)
    # The unit files name the daemon by its program.
    pages["jetpackd"] = ".so man1/jetpack-jetpackd.1\n"
    for name, text in pages.items():
        (directory / f"{name}.1").write_text(text, encoding="utf-8")
    scripts = prefix / "share/jetpack/completion"
    scripts.mkdir(parents=True, exist_ok=True)
    for shell in ("bash", "zsh", "fish"):
        (scripts / f"jetpack.{shell}").write_text(output_of("completion", shell), encoding="utf-8")


if __name__ == "__main__":
    main()
