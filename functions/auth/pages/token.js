// Spends the token of a mailed link: confirms an address, or sets a new password.
//
// The token stands behind the `#`, which is sent nowhere; it leaves the address bar at once.
'use strict';

const token = new URLSearchParams(location.hash.slice(1)).get('token') || '';
history.replaceState(null, '', location.pathname);

const form = document.querySelector('form');
const output = document.querySelector('output');

function show(text, good) {
  output.textContent = text;
  output.className = good ? 'good' : 'bad';
}

// Answers with the API's answer, or nothing where that was a refusal, which is then shown.
async function send(path, body) {
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    const response = await fetch('/api/v1/auth/' + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.ok) {
      form.hidden = true;
      return answer;
    }
    const details = answer.details.data.map(detail => detail.message).filter(Boolean);
    show([answer.message, ...details].join('\n'), false);
  } catch {
    show('The service cannot be reached. Try again in a moment.', false);
  }
  button.disabled = false;
}

const pages = {
  async 'verify-email'() {
    const answer = await send('verify-email', { token });
    if (!answer) return;
    show(answer.approval_required ? 'Thank you. Your address is confirmed; an administrator will now review your account.'
                                  : 'Thank you. Your address is confirmed; you can sign in now.', true);
  },
  async 'reset-password'() {
    if (form.password.value !== form.repeated.value) return show('The passwords do not match.', false);
    if (await send('reset-password', { token, new_password: form.password.value })) {
      show('Your password is set. Sign in with it.', true);
    }
  },
};

if (token) {
  form.addEventListener('submit', event => {
    event.preventDefault();
    pages[form.dataset.page]();
  });
} else {
  form.hidden = true;
  show('This link is incomplete. Open it from the mail again.', false);
}
