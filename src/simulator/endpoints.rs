//! Which endpoints are there, with which published limits, and what does each call?

use std::time::Duration;

use super::account::Account;
use super::answer::Outcome;
use super::clock::Moment;
use super::fields::Fields;
use super::limits::Published;
use super::presigned::Signer;
use super::{analytics, configurations, evaluators, participants, scores, transcriptions};

/// One path and its published limits.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
    pub(crate) limits: Published,
}

/// What an endpoint does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    CreateConfiguration,
    ListConfigurations,
    GetConfiguration,
    UpdateConfiguration,
    DeleteConfiguration,
    CreateEvaluator,
    ListEvaluators,
    GetEvaluator,
    UpdateEvaluator,
    DeleteEvaluator,
    CreateParticipant,
    ListParticipants,
    GetParticipant,
    UpdateParticipant,
    DeleteParticipant,
    Submit,
    RequestUploadUrl,
    ListTranscriptions,
    GetTranscription,
    UpdateTranscriptionGroup,
    DeleteTranscription,
    Analytics,
    AnalyticsEvaluator,
    AnalyticsParticipant,
}

/// All of them; a place in this table is an endpoint's index.
pub(crate) static ENDPOINTS: [Endpoint; 24] = [
    endpoint("/create-configuration", Operation::CreateConfiguration, 10, 2),
    endpoint("/list-configurations", Operation::ListConfigurations, 50, 3),
    endpoint("/get-configuration", Operation::GetConfiguration, 500, 17),
    endpoint("/update-configuration", Operation::UpdateConfiguration, 50, 3),
    endpoint("/delete-configuration", Operation::DeleteConfiguration, 50, 3),
    endpoint("/create-evaluator", Operation::CreateEvaluator, 10, 2),
    endpoint("/list-evaluators", Operation::ListEvaluators, 50, 3),
    endpoint("/get-evaluator", Operation::GetEvaluator, 500, 17),
    endpoint("/update-evaluator", Operation::UpdateEvaluator, 500, 17),
    endpoint("/delete-evaluator", Operation::DeleteEvaluator, 500, 17),
    endpoint("/create-participant", Operation::CreateParticipant, 10, 2),
    endpoint("/list-participants", Operation::ListParticipants, 50, 3),
    endpoint("/get-participant", Operation::GetParticipant, 500, 17),
    endpoint("/update-participant", Operation::UpdateParticipant, 500, 17),
    endpoint("/delete-participant", Operation::DeleteParticipant, 500, 17),
    endpoint("/submit", Operation::Submit, 500, 17),
    endpoint("/request-upload-url", Operation::RequestUploadUrl, 500, 17),
    endpoint("/list-transcriptions", Operation::ListTranscriptions, 500, 17),
    endpoint("/get-transcription", Operation::GetTranscription, 500, 17),
    endpoint("/update-transcription-group", Operation::UpdateTranscriptionGroup, 500, 17),
    endpoint("/delete-transcription", Operation::DeleteTranscription, 500, 17),
    endpoint("/analytics", Operation::Analytics, 5, 2).monthly(30),
    endpoint("/analytics-evaluator", Operation::AnalyticsEvaluator, 50, 3).monthly(500),
    endpoint("/analytics-participant", Operation::AnalyticsParticipant, 50, 3).monthly(500),
];

const fn endpoint(
    path: &'static str,
    operation: Operation,
    per_minute: u32,
    burst: u32,
) -> Endpoint {
    Endpoint { path, operation, limits: Published { per_minute, burst, monthly: None } }
}

impl Endpoint {
    const fn monthly(mut self, calls: u32) -> Self {
        self.limits.monthly = Some(calls);
        self
    }
}

/// The endpoint at exactly this path, with its index.
pub(crate) fn find(path: &str) -> Option<(usize, &'static Endpoint)> {
    ENDPOINTS.iter().enumerate().find(|(_, endpoint)| endpoint.path == path)
}

/// How transcriptions go their way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'w> {
    /// How long one stays in progress.
    pub(crate) processing: Duration,
    /// Signs the address where its file is put.
    pub(crate) signer: &'w Signer,
}

/// Carries a call out.
pub(crate) fn perform(
    operation: Operation,
    account: &mut Account,
    fields: Fields<'_>,
    now: Moment,
    Way { processing, signer }: Way<'_>,
) -> Outcome {
    match operation {
        Operation::CreateConfiguration => configurations::create(account, fields, now),
        Operation::ListConfigurations => configurations::list(account),
        Operation::GetConfiguration => configurations::show(account, fields),
        Operation::UpdateConfiguration => configurations::update(account, fields),
        Operation::DeleteConfiguration => configurations::delete(account, fields),
        Operation::CreateEvaluator => evaluators::create(account, fields, now),
        Operation::ListEvaluators => evaluators::list(account),
        Operation::GetEvaluator => evaluators::show(account, fields),
        Operation::UpdateEvaluator => evaluators::update(account, fields),
        Operation::DeleteEvaluator => evaluators::delete(account, fields),
        Operation::CreateParticipant => participants::create(account, fields, now),
        Operation::ListParticipants => participants::list(account),
        Operation::GetParticipant => participants::show(account, fields),
        Operation::UpdateParticipant => participants::update(account, fields, now),
        Operation::DeleteParticipant => participants::delete(account, fields),
        Operation::Submit => transcriptions::submit(account, fields, now, processing),
        Operation::RequestUploadUrl => transcriptions::request_upload(account, fields, now, signer),
        Operation::ListTranscriptions => transcriptions::list(account),
        Operation::GetTranscription => transcriptions::show(account, fields),
        Operation::UpdateTranscriptionGroup => transcriptions::update_group(account, fields),
        Operation::DeleteTranscription => transcriptions::delete(account, fields),
        Operation::Analytics => analytics::of_configuration(account, fields),
        Operation::AnalyticsEvaluator => scores::of_evaluator(account, fields, now),
        Operation::AnalyticsParticipant => scores::of_participant(account, fields, now),
    }
}
