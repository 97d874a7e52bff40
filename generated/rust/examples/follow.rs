//! Creates a bot instance, starts it and prints its log until the run is over: `follow HOST:PORT OWNER`.

use std::env;
use std::process::ExitCode;

use switchyard_client::bots::v1::bot_instance_service_client::BotInstanceServiceClient;
use switchyard_client::bots::v1::run_service_client::RunServiceClient;
use switchyard_client::bots::v1::{
    CreateBotInstanceRequest, OwnerType, RunStatus, StartRunRequest, WatchLogsRequest,
};
use switchyard_client::tasks::v1::LogLine;
use switchyard_client::tasks::v1::log_line::Level;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, owner] = arguments.as_slice() else {
        eprintln!("usage: follow HOST:PORT OWNER");
        return ExitCode::from(2);
    };
    match follow(address, owner).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(status) if status.code() == Code::Unavailable => {
            eprintln!("cannot reach {address}");
            ExitCode::from(2)
        }
        Err(status) => {
            eprintln!("{}: {}", status.code(), status.message());
            ExitCode::FAILURE
        }
    }
}

/// Runs the bot and returns whether its run succeeded.
async fn follow(address: &str, owner: &str) -> Result<bool, Status> {
    let channel = connect(address)?;
    let key = api_key()?;
    let with_key = |request| send_key(request, key.as_ref());
    let mut bots = BotInstanceServiceClient::with_interceptor(channel.clone(), with_key);
    let mut runs = RunServiceClient::with_interceptor(channel, with_key);

    let creation = CreateBotInstanceRequest {
        owner_type: OwnerType::User.into(),
        owner_id: owner.to_owned(),
        bot_code: "noop".to_owned(),
        ..Default::default()
    };
    let bot = bots
        .create_bot_instance(creation)
        .await?
        .into_inner()
        .bot_instance
        .unwrap_or_default();
    println!("created {}", bot.bot_code);

    let start = StartRunRequest {
        id: bot.id.clone(),
        ..Default::default()
    };
    let run_id = runs.start_run(start).await?.into_inner().run_id;
    println!("started");

    let watch = WatchLogsRequest {
        id: bot.id,
        run_id,
        ..Default::default()
    };
    let mut news = runs.watch_logs(watch).await?.into_inner();
    while let Some(message) = news.message().await? {
        for line in message.lines.into_iter().filter_map(|line| line.line) {
            println!("{} {}", level(&line), line.message);
        }
        if let Some(end) = message.end {
            println!("ended {}", end.text);
            return Ok(end.status() == RunStatus::Success);
        }
    }
    Err(Status::data_loss(
        "the log broke off before the run was over",
    ))
}

/// A channel that connects at its first call.
fn connect(address: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    Ok(endpoint
        .map_err(|error| Status::invalid_argument(error.to_string()))?
        .connect_lazy())
}

fn api_key() -> Result<Option<MetadataValue<Ascii>>, Status> {
    let key = env::var("SWITCHYARD_API_KEY")
        .ok()
        .filter(|key| !key.is_empty());
    key.map(|key| {
        key.parse()
            .map_err(|_| Status::invalid_argument("SWITCHYARD_API_KEY is not ASCII"))
    })
    .transpose()
}

fn send_key(
    mut request: Request<()>,
    key: Option<&MetadataValue<Ascii>>,
) -> Result<Request<()>, Status> {
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", key.clone());
    }
    Ok(request)
}

/// The word of a line's level in JSON.
fn level(line: &LogLine) -> &'static str {
    match line.level() {
        Level::Debug => "debug",
        Level::Unspecified | Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}
