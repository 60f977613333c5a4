//! Records in memory that fail, or wait, where the test says so.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use heify_gateway::key::KeyDigest;
use heify_gateway::records::ledger::{Charge, MinutesLimit, Reserve};
use heify_gateway::records::{
    Alert, AlertOf, AudioMillis, Audit, Balance, Calendar, Entry, IssuedKey, Line, Memory, Meter,
    Moment, Object, Opening, Override, Payer, Period, Reservation, State, Store, StoreError,
    Stored, Upload, UploadState,
};
use uuid::Uuid;

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Faults {
    /// The next so many transactions cannot begin.
    pub begins: usize,
    /// Nothing can be written about this reservation.
    pub about: Option<Uuid>,
    /// The next commit waits for a word.
    pub commit: Option<Receiver<()>>,
    /// How often something has gone wrong.
    pub hits: usize,
}

#[derive(Default)]
pub struct Faulty {
    inner: Memory,
    pub faults: Arc<Mutex<Faults>>,
}

fn fault() -> StoreError {
    StoreError("the test wants it so".to_owned())
}

impl Store for Faulty {
    fn begin(&mut self) -> Stored<()> {
        let mut faults = self.faults.lock().unwrap();
        if faults.begins == 0 {
            return Ok(());
        }
        faults.begins -= 1;
        faults.hits += 1;
        Err(fault())
    }

    fn commit(&mut self) -> Stored<()> {
        let wait = self.faults.lock().unwrap().commit.take();
        if let Some(wait) = wait {
            let _ = wait.recv();
        }
        Ok(())
    }

    fn rollback(&mut self) {}

    fn mark(&mut self) -> Stored<()> {
        Ok(())
    }

    fn back_to_mark(&mut self) -> Stored<()> {
        Ok(())
    }

    fn write(&mut self, at: Moment, entry: &Entry) -> Stored<()> {
        let mut faults = self.faults.lock().unwrap();
        if faults.about.is_some() && entry.reservation() == faults.about {
            faults.hits += 1;
            return Err(fault());
        }
        drop(faults);
        self.inner.write(at, entry)
    }

    fn schedule(&mut self, reservation: &Uuid, plan: Option<(Moment, u32)>) -> Stored<()> {
        self.inner.schedule(reservation, plan)
    }

    fn put_upload(&mut self, upload: &Upload) -> Stored<()> {
        self.inner.put_upload(upload)
    }

    fn upload(&mut self, token: &KeyDigest) -> Stored<Option<Upload>> {
        self.inner.upload(token)
    }

    fn expiring(
        &mut self,
        before: Moment,
        state: Option<UploadState>,
        most: usize,
    ) -> Stored<Vec<Upload>> {
        self.inner.expiring(before, state, most)
    }

    fn remove_upload(&mut self, token: &KeyDigest) -> Stored<()> {
        self.inner.remove_upload(token)
    }

    fn put_alert(&mut self, alert: &Alert) -> Stored<()> {
        self.inner.put_alert(alert)
    }

    fn alerts(&mut self, most: usize) -> Stored<Vec<Alert>> {
        self.inner.alerts(most)
    }

    fn pending_alerts(&mut self, webhook: &str, most: usize) -> Stored<Vec<Alert>> {
        self.inner.pending_alerts(webhook, most)
    }

    fn known_thresholds(&mut self, of: &AlertOf) -> Stored<Vec<u32>> {
        self.inner.known_thresholds(of)
    }

    fn periods(&mut self, payer: &Payer) -> Stored<Vec<Period>> {
        self.inner.periods(payer)
    }

    fn posted(&mut self, payer: &Payer, meter: &Meter, period: Moment) -> Stored<Option<Balance>> {
        self.inner.posted(payer, meter, period)
    }

    fn reservation(&mut self, id: &Uuid) -> Stored<Option<Reservation>> {
        self.inner.reservation(id)
    }

    fn object(&mut self, id: &Uuid) -> Stored<Option<Object>> {
        self.inner.object(id)
    }

    fn key(&mut self, id: &str) -> Stored<Option<IssuedKey>> {
        self.inner.key(id)
    }

    fn balances(&mut self, payer: &Payer) -> Stored<Vec<(Meter, Moment, Balance)>> {
        self.inner.balances(payer)
    }

    fn in_state(&mut self, state: State, most: usize) -> Stored<Vec<Reservation>> {
        self.inner.in_state(state, most)
    }

    fn opened(&mut self, from: Moment, to: Moment) -> Stored<Vec<Reservation>> {
        self.inner.opened(from, to)
    }

    fn due(&mut self, now: Moment, most: usize) -> Stored<Vec<(Reservation, u32)>> {
        self.inner.due(now, most)
    }

    fn keys(&mut self) -> Stored<Vec<IssuedKey>> {
        self.inner.keys()
    }

    fn overrides(&mut self) -> Stored<Vec<Override>> {
        self.inner.overrides()
    }

    fn audit(&mut self, before: Option<u64>, most: usize) -> Stored<Vec<Audit>> {
        self.inner.audit(before, most)
    }

    fn requested(&mut self, request: &str, most: usize) -> Stored<Vec<Reservation>> {
        self.inner.requested(request, most)
    }

    fn objects(&mut self, kind: &str) -> Stored<Vec<(Uuid, Object)>> {
        self.inner.objects(kind)
    }

    fn journal(&mut self, after: u64, most: usize) -> Stored<Vec<Line>> {
        self.inner.journal(after, most)
    }

    fn foreign_changes(&mut self) -> Stored<u64> {
        self.inner.foreign_changes()
    }

    fn contents(&mut self) -> Stored<Memory> {
        self.inner.contents()
    }

    fn books(&mut self) -> Stored<Memory> {
        self.inner.books()
    }

    fn counts(&mut self) -> Stored<(u64, u64)> {
        self.inner.counts()
    }
}

/// A job of ten minutes.
pub fn job(id: Uuid, at: Moment) -> Reserve {
    let amount = AudioMillis::from_minutes(10);
    let opening = Opening {
        reservation: id,
        tenant: "acme".into(),
        label: None,
        key: "acme-1".into(),
        endpoint: "/submit".into(),
        request: "r".into(),
        creates: Some("transcription".into()),
        minutes: Some(amount),
        upload: false,
    };
    let monthly = MinutesLimit::Monthly(AudioMillis::from_minutes(100));
    Reserve {
        opening,
        at,
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: vec![Charge::Minutes { amount, tenant: monthly, account: monthly }],
    }
}
