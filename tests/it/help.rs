//! The help of every command, word for word, and the reference that is made from the same grammar.
//!
//! After an intended change: `INSTA_UPDATE=always UPDATE_DOCS=1 cargo test --test it help::`, then look at `git diff`.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use tenantize::cli::Cli as Grammar;

use crate::support::Cli;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");

/// The grammar with what clap adds to it.
fn grammar() -> Command {
    let mut grammar = Grammar::command();
    grammar.build();
    grammar
}

fn commands(grammar: &Command) -> impl Iterator<Item = &Command> {
    grammar.get_subcommands().filter(|command| command.get_name() != "help")
}

#[test]
fn the_help_of_every_command_is_what_was_read_and_accepted() {
    for name in [""].into_iter().chain(commands(&grammar()).map(Command::get_name)) {
        let words: Vec<&str> = name.split_whitespace().chain(["--help"]).collect();
        let output = Cli::new().args(words).env("COLUMNS", "100").env("LC_ALL", "C").dir("/").run();
        assert!(output.ok() && output.stderr.is_empty(), "{output}");
        let text = output.stdout.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(if name.is_empty() { "tenantize".to_owned() } else { format!("tenantize_{name}") }, text);
    }
}

#[test]
fn every_command_and_argument_says_in_a_sentence_what_it_is() {
    let grammar = grammar();
    let sentence = |text: &str, whose: &str| {
        assert!(text.chars().next().is_some_and(|first| first.is_uppercase() || first == '`'), "{whose}: `{text}` is no sentence");
        assert!(!text.ends_with('.') || text.contains(". ") || text.contains("; ") || text.contains(": "), "{whose}: `{text}`");
    };
    for command in commands(&grammar) {
        sentence(&command.get_about().map(ToString::to_string).unwrap_or_default(), command.get_name());
        for argument in command.get_arguments() {
            let whose = format!("{} {}", command.get_name(), argument.get_id());
            sentence(&argument.get_help().map(ToString::to_string).unwrap_or_default(), &whose);
        }
    }
}

#[test]
fn the_reference_is_made_from_the_grammar() {
    let page = reference(&grammar());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == page, "docs/cli.md is not what the grammar says; write it again with: UPDATE_DOCS=1 cargo test --test it help::");
}

fn reference(grammar: &Command) -> String {
    let mut page = String::from("# Commands\n\n");
    let about = grammar.get_long_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, "{}\n", about.trim());
    page.push_str("| command | what it does |\n| --- | --- |\n");
    for command in commands(grammar) {
        let name = command.get_name();
        let _ = writeln!(page, "| [`{name}`](#tenantize-{name}) | {} |", cell(&about_of(command)));
    }
    page.push_str("\n`tenantize help COMMAND` shows one of them. How a command ends: [exit-codes.md](exit-codes.md).\n\n");
    page.push_str("## Options of every command\n\n");
    table(&mut page, grammar.get_arguments().filter(|argument| argument.is_global_set()));
    for command in commands(grammar) {
        let name = command.get_name();
        let usage = command.clone().render_usage().to_string();
        let _ = writeln!(page, "\n## tenantize {name}\n\n{}\n", about_of(command));
        let _ = writeln!(page, "```text\n{}\n```", usage.trim_start_matches("Usage: "));
        let own: Vec<&Arg> = command.get_arguments().filter(|argument| !argument.is_global_set() && !built_in(argument)).collect();
        if !own.is_empty() {
            page.push('\n');
            table(&mut page, own.into_iter());
        }
    }
    page
}

fn about_of(command: &Command) -> String {
    let text = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let text = text.trim().to_owned();
    if text.ends_with('.') { text } else { text + "." }
}

fn built_in(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

fn table<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| option | meaning |\n| --- | --- |\n");
    for argument in arguments.filter(|argument| !built_in(argument)) {
        let mut meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
        if !meaning.ends_with('.') {
            meaning.push('.');
        }
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set() && argument.get_action().takes_values())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({})", value.get_name(), help.to_string().trim_end_matches('.')),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !values.is_empty() {
            let _ = write!(meaning, " One of {}.", values.join(", "));
        }
        let default: Vec<String> = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if argument.get_action().takes_values() && !default.is_empty() {
            let _ = write!(meaning, " Default: `{}`.", default.join(" "));
        }
        let _ = writeln!(page, "| {} | {} |", option(argument), cell(&meaning));
    }
}

fn option(argument: &Arg) -> String {
    let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
    let value = value.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let (Some(long), value) = (argument.get_long(), value) else {
        return format!("`[{}]`", argument.get_value_names().map(|names| names[0].to_string()).unwrap_or_default());
    };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`--{long}{}`", value.map(|value| format!(" {value}")).unwrap_or_default())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
