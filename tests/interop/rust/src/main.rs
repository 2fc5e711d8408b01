//! A client of Likeness that carries out the commands on its standard input, one JSON object a line, and prints what
//! came of each: what tests/interop asks of every language.
mod calls;
mod embedding;
mod errors;
mod untyped;

use std::io::{stdin, BufRead};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, Value};
use tonic::transport::Endpoint;
use tonic::Status;

use calls::{Caller, Input};
use errors::describe_call;

#[derive(Deserialize)]
#[serde(default)]
struct Command {
    call: String,
    addresses: Vec<String>,
    token: Option<String>,
    deadline_seconds: Option<f64>,
    cancel_after_seconds: Option<f64>,
    attempts: u32,
    with: Input,
}

impl Default for Command {
    fn default() -> Self {
        Command {
            call: String::new(),
            addresses: Vec::new(),
            token: None,
            deadline_seconds: None,
            cancel_after_seconds: None,
            attempts: 1,
            with: Input::default(),
        }
    }
}

#[tokio::main]
async fn main() {
    for line in stdin().lock().lines() {
        let command: Command = serde_json::from_str(&line.expect("a line")).expect("a command");
        println!("{}", perform(&command).await);
    }
}

/// Makes the call, and makes it again for as long as the server asks for patience and the command has some.
async fn perform(command: &Command) -> Value {
    let endpoint: Endpoint = format!("http://{}", command.addresses[0]).parse().expect("an address");
    let caller = Caller {
        channel: endpoint.connect_lazy(),
        token: command.token.clone(),
        timeout: command.deadline_seconds.map(Duration::from_secs_f64),
    };
    for attempts in 1.. {
        let status = match attempt(&caller, command).await {
            Ok(answer) => return json!({"ok": answer, "attempts": attempts}),
            Err(status) => status,
        };
        let failure = describe_call(&status);
        match failure["retry_seconds"].as_f64() {
            Some(seconds) if attempts < command.attempts => {
                println!("{}", json!({"refused": failure}));
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
            _ => return json!({"error": failure, "attempts": attempts}),
        }
    }
    unreachable!()
}

/// A call is cancelled by letting it go.
async fn attempt(caller: &Caller, command: &Command) -> Result<Value, Status> {
    let call = caller.call(&command.call, &command.with);
    match command.cancel_after_seconds.map(Duration::from_secs_f64) {
        Some(time) => tokio::time::timeout(time, call).await.unwrap_or_else(|_| Err(Status::cancelled("we let it go"))),
        None => call.await,
    }
}
