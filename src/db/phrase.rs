//! How servers say the few things that a retry depends on, in the languages they speak.
//!
//! Diesel keeps the SQLSTATE of an error to itself and offers a kind for few of them. What is left is the message,
//! and `lc_messages`, which would make it English, may be set by superusers only.

/// The server gave up waiting for a lock (55P03).
pub(super) const LOCK_TIMEOUT: [&str; 12] = [
    "canceling statement due to lock timeout",
    "storniere Anfrage wegen Zeitüberschreitung einer Sperre",
    "cancelando la sentencia debido a que se agotó el tiempo de espera de candados (locks)",
    "annulation de la requête à cause du délai écoulé pour l'obtention des verrous",
    "annullamento dell'istruzione a causa di timeout di lock",
    "ロックのタイムアウトのためステートメントをキャンセルしています",
    "გამოსახულება გაუქმდება ბლოკის მოლოდინის ვადის ამოწურვის გამო",
    "잠금 대기 시간 초과로 작업을 취소합니다.",
    "выполнение оператора отменено из-за тайм-аута блокировки",
    "avbryter sats på grund av lås-timeout",
    "виконання оператора скасовано через тайм-аут блокування",
    "由于锁超时，取消语句操作",
];

/// A lock that was asked for with NOWAIT is taken (55P03); the rest of the message names it.
pub(super) const LOCK_TAKEN: &str = "could not obtain lock on ";

/// The server broke a deadlock (40P01).
pub(super) const DEADLOCK: [&str; 12] = [
    "deadlock detected",
    "Verklemmung (Deadlock) entdeckt",
    "se ha detectado un deadlock",
    "interblocage (deadlock) détecté",
    "rilevato deadlock",
    "デッドロックを検出しました",
    "ნაპოვნია ურთიერთბლოკირება",
    "deadlock 발생했음",
    "обнаружена взаимоблокировка",
    "deadlock upptäckt",
    "виявлено взаємне блокування",
    "检测到死锁",
];

/// A statement was ended by `statement_timeout` or by a person (57014).
pub(super) const CANCELLED: [&str; 22] = [
    "canceling statement due to statement timeout",
    "canceling statement due to user request",
    "storniere Anfrage wegen Zeitüberschreitung der Anfrage",
    "storniere Anfrage wegen Benutzeraufforderung",
    "cancelando la sentencia debido a que se agotó el tiempo de espera de sentencias",
    "cancelando la sentencia debido a una petición del usuario",
    "annulation de la requête à cause du délai écoulé pour l'exécution de l'instruction",
    "annulation de la requête à la demande de l'utilisateur",
    "annullamento dell'istruzione a causa di timeout",
    "annullamento dell'istruzione su richiesta dell'utente",
    "ステートメントのタイムアウトのためステートメントをキャンセルしています",
    "ユーザーからの要求により文をキャンセルしています",
    "명령실행시간 초과로 작업을 취소합니다.",
    "사용자 요청에 의해 작업을 취소합니다.",
    "выполнение оператора отменено из-за тайм-аута",
    "выполнение оператора отменено по запросу пользователя",
    "avbryter sats på grund av sats-timeout",
    "avbryter sats på användares begäran",
    "виконання оператора скасовано через тайм-аут",
    "виконання оператора скасовано по запиту користувача",
    "由于语句执行超时，正在取消查询命令",
    "由于用户请求而正在取消查询",
];

/// Two schema changes met at the same catalog row (XX000, never translated); the second one succeeds when repeated.
pub(super) const CATALOG_RACE: [&str; 2] = ["tuple concurrently updated", "tuple concurrently deleted"];

/// The connection is gone, in the words of libpq, which speaks English: it is never told the user's locale.
pub(super) const CONNECTION_GONE: [&str; 8] = [
    "server closed the connection unexpectedly",
    "no connection to the server",
    "could not receive data from server",
    "could not send data to server",
    "connection not open",
    "SSL connection has been closed unexpectedly",
    "SSL SYSCALL error",
    "lost synchronization with server",
];
